import HTTPTypes
import Server
import Signalling
import SwiftProtobuf
import Synchronization

/// Rooms that answer a ping with a pong and a leave by closing, and remember all they were told.
final class FakeSignalHost: SignalHost {
    struct Memory: Sendable {
        var refusal: Refusal?
        var admitted = 0
        var rooms: [String] = []
        var parameters: [JoinParameters] = []
        var sinks: [any SignalSink] = []
        var requests: [Livekit_SignalRequest] = []
        var ended = 0
        /// Whether sessions are stuck in their first request.
        var isStuck = false
    }

    let memory = Mutex(Memory())
    var current: Memory { memory.withLock { $0 } }

    func refuse(_ refusal: Refusal?) { memory.withLock { $0.refusal = refusal } }

    func admit(_ token: AccessToken, room: String, _ parameters: JoinParameters) async throws(Refusal) {
        let refusal = memory.withLock {
            $0.admitted += 1
            return $0.refusal
        }
        if let refusal { throw refusal }
    }

    func join(
        _ token: AccessToken, room: String, _ parameters: JoinParameters, sink: any SignalSink
    ) async -> (any SignalSession)? {
        memory.withLock {
            $0.rooms.append(room)
            $0.parameters.append(parameters)
            $0.sinks.append(sink)
        }
        sink.send(.with { $0.join.participant.identity = token.identity ?? "" })
        return Session(host: self, sink: sink)
    }

    struct Session: SignalSession {
        let host: FakeSignalHost
        let sink: any SignalSink

        func receive(_ request: Livekit_SignalRequest) async {
            host.memory.withLock { $0.requests.append(request) }
            while host.memory.withLock({ $0.isStuck }) { try? await Task.sleep(for: .milliseconds(10)) }
            switch request.message {
            case .ping(let value): sink.send(.with { $0.pong = value })
            case .leave: sink.close()
            default: break
            }
        }

        func ended() async { host.memory.withLock { $0.ended += 1 } }
    }

    /// Waits until what is remembered meets the condition, for so many seconds at most.
    func until(seconds: Double = 5, _ condition: (Memory) -> Bool) async -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while !condition(current) {
            guard ContinuousClock.now < end else { return false }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return true
    }
}

/// Stands where no rooms are served over signalling.
struct NoSignalHost: SignalHost {
    func admit(_ token: AccessToken, room: String, _ parameters: JoinParameters) async throws(Refusal) {
        throw Refusal(.serviceUnavailable, "This server has no rooms for signalling clients.")
    }

    func join(
        _ token: AccessToken, room: String, _ parameters: JoinParameters, sink: any SignalSink
    ) async -> (any SignalSession)? {
        sink.close()
        return nil
    }
}
