import HTTPTypes
import Logging
import MediaPrimitives
import Negotiation
import Rooms
import Server

import struct Foundation.Date

/// Rooms over fake workers.
final class RoomBench: Sendable {
    let hosts: [FakeHost]
    let media: MediaPlane
    let directory: RoomDirectory
    private let followers: [Task<Void, Never>]

    static let local = LocalTransport(
        fingerprint: CertificateFingerprint(algorithm: .sha256, digest: Array(0..<32)),
        candidates: [
            LocalCandidate(kind: .udp, address: SocketAddress(ipv4: 0xc000_0201, port: 7001)),
            LocalCandidate(kind: .udp, address: SocketAddress(high: 0x2001_0db8 << 32, low: 1, port: 7002)),
        ])

    init(workers: Int = 1, transports: Int = 100, limits: RoomDirectory.Limits = .init()) {
        let hosts = (0..<workers).map { FakeHost(number: $0) }
        let media = MediaPlane(hosts: hosts, limit: transports)
        self.hosts = hosts
        self.media = media
        directory = RoomDirectory(plane: media, local: Self.local, limits: limits, logger: Bench.quiet)
        followers = hosts.indices.map { worker in Task { await media.follow(worker) } }
    }

    deinit { for follower in followers { follower.cancel() } }

    /// The only worker.
    var host: FakeHost { hosts[0] }

    static func token(_ identity: String, change: (inout VideoGrant) -> Void = { _ in }) -> AccessToken {
        var grant = VideoGrant(room: "room", roomJoin: true)
        change(&grant)
        return AccessToken(identity: identity, name: identity.uppercased(), video: grant, now: Bench.now, validFor: 600)
    }

    // MARK: Sessions

    @discardableResult
    func publish(
        _ identity: String, in room: String = "room", offer: String = Offers.publish
    ) async throws(Refusal) -> (answer: SessionAnswer, opened: FakeHost.Opened) {
        let answer = try await directory.enter(room, identity: identity) { room throws(Refusal) in
            try await room.publish(Self.token(identity), offer: offer)
        }
        return (answer, try lastOpened())
    }

    @discardableResult
    func watch(
        _ publisher: String? = nil, as identity: String = "eve", in room: String = "room", offer: String = Offers.watch
    ) async throws(Refusal) -> (answer: SessionAnswer, opened: FakeHost.Opened) {
        let found: Result<SessionAnswer, Refusal>? = await directory.find(room) { room in
            do throws(Refusal) {
                return .success(try await room.watch(Self.token(identity), publisher: publisher, offer: offer))
            } catch {
                return .failure(error)
            }
        }
        guard let found else { throw Refusal(.notFound, "There is no such room.") }
        return (try found.get(), try lastOpened())
    }

    /// For benches with one worker.
    private func lastOpened() throws(Refusal) -> FakeHost.Opened {
        guard let last = host.memory.current.opened.last else { throw Refusal(.internalServerError, "The worker was told nothing.") }
        return last
    }

    /// Asks until it is so, where there is nobody to wait for; false after a minute.
    static func eventually(_ condition: () async -> Bool) async -> Bool {
        let end = ContinuousClock.now + .seconds(60)
        while await !condition() {
            guard ContinuousClock.now < end else { return false }
            await Task.yield()
        }
        return true
    }
}
