import HeadlessClients
import MediaPrimitives
import MediaSecurity
import Rooms
import Simulation
import Testing

/// Everything that can be seen of a run, to the bit: each datagram's instant, way and bytes as they are on the wire (handshakes, ciphertext and all),
/// each event, and what the clients made of it.
private struct Trace {
    private(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325
    private(set) var datagrams = 0

    /// FNV-1a, by words of eight bytes.
    private mutating func mix(_ word: UInt64) {
        digest = (digest ^ word) &* 0x100_0000_01b3
        digest ^= digest >> 29
    }

    mutating func note(_ bytes: [UInt8]) {
        mix(UInt64(bytes.count))
        bytes.withUnsafeBytes { bytes in
            var at = 0
            while at + 8 <= bytes.count {
                mix(bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
                at += 8
            }
            while at < bytes.count {
                mix(UInt64(bytes[at]))
                at += 1
            }
        }
    }

    mutating func note(_ bytes: [UInt8], from: SocketAddress, to: SocketAddress, at now: Instant) {
        datagrams += 1
        mix(UInt64(bitPattern: now.nanoseconds))
        note(Array("\(from) \(to)".utf8))
        note(bytes)
    }
}

/// A room to which everything happens, on two workers, over links that do all that links can do.
private func eventfulRun(seed: UInt64) throws -> (trace: Trace, story: [String]) {
    let world = try SimulatedWorld(seed: seed, workers: 2)
    var trace = Trace()
    world.tap = { trace.note($0, from: $1, to: $2, at: world.now) }
    var rough = LinkConditions(loss: 0.03, reordering: 0.05, duplication: 0.05)
    rough.jitter = .milliseconds(10)
    rough.bursts = GilbertElliott(badShare: 0.02, burst: 4)
    var plan = PeerPlan.publisher()
    plan.video = .simulcast()
    plan.uplink = rough
    let camera = try world.join(plan)
    var viewers: [SimulatedPeer] = []
    for number in 0..<4 {
        var viewing = PeerPlan.viewer("viewer \(number)")
        viewing.downlink = rough
        viewing.downlink.rate = 700_000
        viewing.worker = number % 2
        viewing.arrivesAt = number / 2
        if number == 3 { viewing.profiles = [.aes128CMSHA1Tag80] }
        viewers.append(try world.join(viewing))
    }
    world.run(for: .seconds(3))
    // A layer goes, a viewer takes less, somebody leaves, the next one comes.
    camera.cameras[2].isPaused = true
    world.run(for: .seconds(2))
    camera.cameras[2].isPaused = false
    world.negotiate(viewers[1]) { _, sending in sending[0].wish.maximumLayer = 0 }
    world.leave(viewers[2])
    world.run(for: .seconds(2))
    let next = try world.join(.publisher("next"))
    _ = world.restartICE(viewers[0])
    world.move(viewers[1])
    world.rebind(next)
    world.run(for: .seconds(3))
    world.flood(viewers[3], seed: seed)
    camera.changeSSRCs()
    world.run(for: .seconds(2))
    world.close(camera)
    world.run(for: .seconds(3))
    world.tap = nil
    var story = world.events.map { "\($0.at.nanoseconds) \($0.event)" }
    story += world.units.map { "\($0.statistics())" }
    for peer in world.peers {
        story.append("\(peer.video.decoder) \(peer.video.holes) \(peer.video.nacked) \(peer.audio.review()) \(peer.feedbackLog.summary)")
        story.append("\(peer.cameras.map { [$0.keyframes, $0.requests, $0.stream.resent, Int($0.stream.sequence)] })")
        story.append("\(peer.uplink.lost) \(peer.downlink.lost) \(peer.downlink.refused) \(peer.downlink.longestWait)")
    }
    for line in story { trace.note(Array(line.utf8)) }
    return (trace, story)
}

@Suite("Repeating") struct RepeatingTests {
    @Test("the same seed gives the same run to the bit, and another seed another", arguments: [14, 15] as [UInt64])
    func repeats(_ seed: UInt64) throws {
        let (first, second, other) = try (eventfulRun(seed: seed), eventfulRun(seed: seed), eventfulRun(seed: seed + 100))
        #expect(first.trace.datagrams > 10_000)
        #expect(first.story == second.story)
        #expect(first.trace.datagrams == second.trace.datagrams)
        #expect(first.trace.digest == second.trace.digest)
        #expect(first.trace.digest != other.trace.digest)
    }

    @Test("other processes, in which dictionaries have another order, give the same run to the bit")
    func processes() async throws {
        let here = try eventfulRun(seed: 16).trace.digest
        for _ in 0..<2 {
            let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
                print("digest", try eventfulRun(seed: 16).trace.digest)
            }
            let output = try #require(result).standardOutputContent
            #expect(String(decoding: output, as: UTF8.self).contains("digest \(here)\n"))
        }
    }
}
