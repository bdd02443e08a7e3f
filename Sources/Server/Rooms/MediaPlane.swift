import HTTPTypes
import MediaPrimitives
import MediaWorker
import Negotiation
import Rooms

/// The workers as rooms see them: who takes the next transport, and which room is told of what happens to it.
package actor MediaPlane {
    package nonisolated let hosts: [any MediaHost]
    /// Transports that all workers together take.
    private let limit: Int
    /// Transports of each worker, those that are about to be opened included.
    private var loads: [Int]
    private var rooms: [ParticipantID: LiveRoom] = [:]
    /// A worker reports on a transport as soon as it has it. What it says of those that are not attached yet waits, for as long as there are any.
    private var unattached = 0
    private var early: [ParticipantID: [RoomEvent]] = [:]

    package init(hosts: [any MediaHost], limit: Int = 20_000) {
        self.hosts = hosts
        self.limit = limit
        loads = hosts.map { _ in 0 }
    }

    package var transportCount: Int { loads.reduce(0, +) }

    /// A place on the least loaded worker, to be used by `open` or given back by `release`.
    func place() throws(Refusal) -> (worker: Int, host: any MediaHost) {
        guard transportCount < limit, let worker = loads.indices.min(by: { loads[$0] < loads[$1] }) else {
            throw Refusal(.serviceUnavailable, "The server is full (\(limit) connections).", headers: [.retryAfter: "30"])
        }
        loads[worker] += 1
        return (worker, hosts[worker])
    }

    func release(_ worker: Int) { loads[worker] -= 1 }

    /// Opens a transport on `worker`, where it has a place. It is to be attached at once; its place is free again when it has closed.
    func open(_ parameters: ParticipantParameters, on worker: Int) async throws(AdmissionError) -> ParticipantID {
        unattached += 1
        do throws(AdmissionError) { return try await hosts[worker].open(parameters) } catch {
            endAttaching()
            release(worker)
            throw error
        }
    }

    /// From now on `room` is told of what happens to `id`, first of what has happened already.
    func attach(_ id: ParticipantID, to room: LiveRoom) async {
        rooms[id] = room
        let missed = early.removeValue(forKey: id) ?? []
        endAttaching()
        for event in missed { await deliver(event) }
    }

    private func endAttaching() {
        unattached -= 1
        if unattached == 0 { early = [:] }
    }

    /// Delivers what one worker tells, until it tells no more.
    package func follow(_ worker: Int) async {
        for await event in hosts[worker].events { await deliver(event) }
    }

    private func deliver(_ event: RoomEvent) async {
        let id = event.participant
        guard let room = rooms[id] else {
            if unattached > 0 { early[id, default: []].append(event) }
            return
        }
        if case .closed = event {
            rooms[id] = nil
            release(id.worker)
        }
        await room.handle(event)
    }
}
