import Congestion
import HeadlessClients
import MediaPrimitives
import MediaSecurity
import RTP
import Rooms
import Simulation
import Testing

/// The SRTP that a server sends to one client, as it is on the wire.
private final class Wire {
    private let to: SocketAddress
    /// By SSRC and number, as it was when it came first.
    private(set) var first: [UInt64: [UInt8]] = [:]
    /// How often something came again, and how often it was not the same.
    private(set) var repeats = 0
    private(set) var changes = 0

    init(to peer: SimulatedPeer) { to = peer.routes[0].outer }

    func note(_ bytes: [UInt8], to address: SocketAddress) {
        guard address == to, bytes.count > 12, (128...191).contains(bytes[0]), !(192...223).contains(bytes[1]) else { return }
        let key = Wire.key(bytes)
        guard let known = first[key] else {
            first[key] = bytes
            return
        }
        repeats += 1
        if known != bytes { changes += 1 }
    }

    /// 0 for what is too short.
    static func key(_ bytes: [UInt8]) -> UInt64 {
        guard bytes.count > 12 else { return 0 }
        return ([8, 9, 10, 11, 2, 3] as [Int]).reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
    }
}

@Suite("Pictures that are repaired without retransmissions") struct PlainResendTests {
    private func viewing(_ manner: ReceivedVideo.Manner = .browser, profile: Int? = nil) -> PeerPlan {
        var plan = PeerPlan.viewer()
        plan.takesRetransmissions = false
        plan.repairsSound = true
        plan.manner = manner
        if let profile { plan.profiles = [plan.profiles[profile % plan.profiles.count]] }
        return plan
    }

    private func ask(_ world: SimulatedWorld, _ viewer: SimulatedPeer, for numbers: [SequenceNumber], of ssrc: SSRC? = nil) {
        world.sendRTCP(from: viewer) { writer in
            var rest = numbers[...]
            while !rest.isEmpty {
                let part = Array(rest)
                let taken = Nack.write(into: &writer, sender: SSRC(1), media: ssrc ?? viewer.video.ssrc, sequences: part.span)
                guard taken > 0 else { return }
                rest = rest.dropFirst(taken)
            }
        }
    }

    private func resent(_ world: SimulatedWorld) -> (packets: UInt64, bytes: UInt64) {
        world.units.reduce((0, 0)) {
            let sent = $1.statistics().counters.sent
            return ($0.0 &+ sent.packets(.retransmission), $0.1 &+ sent.bytes(.retransmission))
        }
    }

    private func estimate(of viewer: SimulatedPeer, in world: SimulatedWorld) throws -> BandwidthEstimate {
        try #require(world.unit.explain("room", at: world.now).first { $0.subscriber == viewer.id }).estimate
    }

    /// How the viewer tells of what arrives.
    enum Telling: CaseIterable { case byNumber, byStream, not }

    @Test(
        "5 % random loss and a round trip of 100 ms are repaired by what left already, to the byte, whatever the cipher and the feedback",
        arguments: 0..<3, Telling.allCases)
    func loss(profile: Int, telling: Telling) throws {
        let world = try SimulatedWorld(seed: 620 &+ UInt64(profile))
        let camera = try world.join(.publisher())
        var plan = viewing(profile: profile)
        plan.uplink.delay = .milliseconds(50)
        plan.downlink.delay = .milliseconds(50)
        plan.tellsByStream = telling == .byStream
        plan.tellsOfArrivals = telling != .not
        let viewer = try world.join(plan)
        let wire = Wire(to: viewer)
        world.tap = { wire.note($0, to: $2) }
        world.run(for: .seconds(2))
        #expect(viewer.transport.profile == plan.profiles[0])
        viewer.downlink.conditions.loss = 0.05
        world.run(for: .seconds(30))
        viewer.downlink.conditions.loss = 0
        world.run(for: .seconds(1))
        let freezes = viewer.video.playout?.freezes.duration ?? .seconds(99)
        print("\(profile) \(telling): repaired \(viewer.video.repaired), resent \(resent(world).packets), frozen \(freezes)")
        #expect(viewer.downlink.lost > 100 && viewer.video.repaired > 80)
        // Nobody insists where nothing is told of what is lost.
        #expect(freezes < .milliseconds(telling == .not ? 1_000 : 500), "\(freezes)")
        expectCleanVideo(viewer, frames: 900)
        #expect(viewer.video.holes.isEmpty && viewer.video.keyframeRequests == 0)
        #expect(camera.cameras[0].keyframes <= 2)
        // What leaves twice is the same twice, and is what is counted as such; nothing in it was plain, or the viewer could not have read it.
        #expect(wire.changes == 0 && wire.repeats == Int(resent(world).packets) && wire.repeats >= viewer.video.repaired)
        #expect(viewer.transport.drops[.unauthenticatedSRTP] == nil && viewer.strayPackets == 0)
    }

    @Test("15 % is repaired, too, if not all of it", arguments: [630, 631, 632] as [UInt64])
    func heavyLoss(_ seed: UInt64) throws {
        let world = try SimulatedWorld(seed: seed)
        _ = try world.join(.publisher())
        let viewer = try world.join(viewing())
        world.run(for: .seconds(3))
        viewer.downlink.conditions.loss = 0.15
        world.run(for: .seconds(30))
        let freezes = viewer.video.playout?.freezes.duration ?? .seconds(99)
        print("\(seed): repaired \(viewer.video.repaired), resent \(resent(world).packets), frozen \(freezes)")
        #expect(viewer.video.decoder.faults == [])
        #expect(freezes < .seconds(1), "\(freezes)")
    }

    @Test("a repetition is taken where the first was lost, and is a replay where it was not")
    func replay() throws {
        let world = try SimulatedWorld(seed: 640)
        _ = try world.join(.publisher())
        let viewer = try world.join(viewing(.plain))
        world.run(for: .seconds(2))
        let wire = Wire(to: viewer)
        var lost: Set<UInt64> = []
        var (count, isOver) = (0, false)
        let ssrc = UInt64(viewer.video.ssrc.rawValue)
        // Each tenth of its pictures is lost when it comes first.
        world.passes = { bytes, _, to in
            let isNew = wire.first[Wire.key(bytes)] == nil
            wire.note(bytes, to: to)
            guard to == viewer.routes[0].outer, bytes.count > 12, Wire.key(bytes) >> 16 == ssrc, isNew else { return true }
            count += 1
            guard count % 10 == 0, !isOver else { return true }
            lost.insert(Wire.key(bytes))
            return false
        }
        world.run(for: .seconds(3))
        isOver = true
        world.run(for: .milliseconds(300))
        // Lost padding comes again, too.
        #expect(lost.count > 20 && viewer.video.repaired > 20 && viewer.video.repaired <= lost.count && viewer.video.holes.isEmpty)
        #expect(viewer.transport.drops[.replayedSRTP, default: 0] == wire.repeats - lost.count)
        let replayed = viewer.transport.drops[.replayedSRTP, default: 0]
        ask(world, viewer, for: (0..<20).map { SequenceNumber(viewer.video.newest &- UInt16($0)) })
        world.run(for: .milliseconds(100))
        // None of these was lost.
        #expect(viewer.transport.drops[.replayedSRTP, default: 0] == replayed + 20)
        expectCleanVideo(viewer, frames: 150)
    }

    @Test("requests for what is not missing, was never sent, or again and again, cost a share of the link at most")
    func flood() throws {
        let world = try SimulatedWorld(seed: 641)
        _ = try world.join(.publisher())
        let viewer = try world.join(viewing(.plain))
        let other = try world.join(.viewer("other"))
        world.run(for: .seconds(3))
        let before = (resent(world), world.unit.statistics().counters.sent.bytes(.rtp))
        let everything = (0..<900).map { SequenceNumber(UInt16($0 * 70)) }
        for _ in 0..<1_000 {
            ask(world, viewer, for: everything)
            ask(world, viewer, for: (0..<500).map { SequenceNumber(viewer.video.newest &- UInt16($0)) })
            ask(world, viewer, for: everything, of: other.video.ssrc)
            world.run(for: .milliseconds(1))
        }
        let sent = world.unit.statistics().counters.sent.bytes(.rtp) - before.1
        let again = resent(world).bytes - before.0.bytes
        // What a budget begins with and gets in a second, a quarter of what was sent, and headers and tags.
        #expect(again > 50_000 && again < 256_000 + 64_000 + 2_000 + sent / 4, "\(again)")
        for peer in [viewer, other] { expectCleanVideo(peer, frames: 110) }
    }

    @Test(
        "what congestion control hears of what left twice counts once, as the loss that it was", arguments: [Telling.byNumber, .byStream],
        [650, 651] as [UInt64])
    func estimates(_ telling: Telling, _ seed: UInt64) throws {
        var targets: [Bitrate] = []
        for takesRetransmissions in [false, true] {
            let world = try SimulatedWorld(seed: seed)
            var publishing = PeerPlan.publisher()
            publishing.video = .simulcast()
            _ = try world.join(publishing)
            var plan = viewing()
            plan.takesRetransmissions = takesRetransmissions
            plan.uplink.delay = .milliseconds(50)
            plan.downlink = .bottleneck(2_500_000)
            plan.downlink.delay = .milliseconds(50)
            plan.tellsByStream = telling == .byStream
            let viewer = try world.join(plan)
            world.run(for: .seconds(8))
            viewer.downlink.conditions.loss = 0.05
            world.run(for: .seconds(5))
            var loss = 0.0
            for _ in 0..<20 {
                world.run(for: .seconds(1))
                let said = try estimate(of: viewer, in: world)
                loss += said.loss / 20
                #expect(said.queue < .milliseconds(100) && said.roundTrip < .milliseconds(250), "\(said)")
            }
            let said = try estimate(of: viewer, in: world)
            print(
                "\(telling) \(seed) rtx \(takesRetransmissions): loss \(loss), \(said.target), round trip \(said.roundTrip), queue \(said.queue)"
            )
            #expect(loss > 0.025 && loss < 0.09, "\(loss)")
            targets.append(said.target)
            #expect(viewer.video.decoder.faults == [])
        }
        #expect(targets[0] > targets[1] * 0.6, "\(targets)")
    }

    @Test("a section that is gone has nothing sent again, and one that comes back has what left since")
    func sections() throws {
        let world = try SimulatedWorld(seed: 642)
        _ = try world.join(.publisher())
        let viewer = try world.join(viewing(.plain))
        world.run(for: .seconds(2))
        let newest = SequenceNumber(viewer.video.newest)
        let section = try #require(viewer.sending.first { $0.parameters.kind == .video })
        world.negotiate(viewer) { _, sending in sending.removeAll { $0.parameters.kind == .video } }
        let before = resent(world).packets
        ask(world, viewer, for: [newest])
        world.run(for: .milliseconds(100))
        #expect(resent(world).packets == before)
        // Sound is still repaired.
        ask(world, viewer, for: [viewer.audio.newest], of: viewer.audio.ssrc)
        world.run(for: .milliseconds(100))
        #expect(resent(world).packets == before + 1)
        world.negotiate(viewer) { _, sending in sending.append(section) }
        ask(world, viewer, for: [newest])
        world.run(for: .milliseconds(500))
        #expect(resent(world).packets == before + 1)
        ask(world, viewer, for: [SequenceNumber(viewer.video.newest)])
        world.run(for: .milliseconds(100))
        #expect(resent(world).packets == before + 2)
        expectCleanVideo(viewer, frames: 60)
    }
}
