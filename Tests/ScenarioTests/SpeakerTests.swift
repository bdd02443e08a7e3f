import HeadlessClients
import MediaPrimitives
import Rooms
import Simulation
import Testing

@Suite("Speakers") struct SpeakerTests {
    private func talker(_ identity: String, on worker: Int = 0) -> PeerPlan {
        var plan = PeerPlan.publisher(identity)
        plan.video = nil
        plan.worker = worker
        return plan
    }

    private func listener(to identity: String, on worker: Int = 0) -> PeerPlan {
        var plan = PeerPlan.viewer("to \(identity)")
        plan.following = .participant(identity: identity)
        plan.worker = worker
        return plan
    }

    private func floor(in world: SimulatedWorld, since: Instant = Instant(nanoseconds: 0)) -> [ParticipantID] {
        world.events.compactMap { at, event in if at >= since, case .dominant(let id, _) = event { id } else { nil } }
    }

    /// Nobody but `index` speaks.
    private func give(_ talkers: [SimulatedPeer], to index: Int?) {
        for (number, talker) in talkers.enumerated() { talker.microphone?.level = number == index ? 20 : 90 }
    }

    private func heardTalkers(_ world: SimulatedWorld, _ listeners: [SimulatedPeer], since: Instant) -> [Int] {
        listeners.indices.filter { !listeners[$0].audio.arrivals(of: UInt16($0)).filter { $0.at >= since }.isEmpty }
    }

    @Test("whoever speaks has the floor until another one does, on whatever worker they are", arguments: [1, 3])
    func floor(workers: Int) throws {
        let world = try SimulatedWorld(seed: 300, workers: workers)
        let talkers = try (0..<3).map { try world.join(talker("talker \($0)", on: $0 % workers)) }
        give(talkers, to: nil)
        world.run(for: .seconds(3))
        #expect(floor(in: world).isEmpty)
        for turn in [1, 0, 2] {
            let start = world.now
            give(talkers, to: turn)
            world.run(for: .seconds(5))
            #expect(floor(in: world, since: start) == [talkers[turn].id])
        }
        // Nobody speaks, and whoever had the floor leaves; the next one to speak gets it.
        give(talkers, to: nil)
        world.run(for: .seconds(20))
        world.close(talkers[2])
        world.run(for: .seconds(1))
        let start = world.now
        give(talkers, to: 0)
        world.run(for: .seconds(3))
        #expect(floor(in: world, since: start) == [talkers[0].id])
    }

    @Test("two rooms have each their own floor")
    func rooms() throws {
        let world = try SimulatedWorld(seed: 301)
        var plans = [talker("one"), talker("two")]
        plans[1].room = "another"
        let talkers = try plans.map { try world.join($0) }
        give(talkers, to: nil)
        world.run(for: .seconds(2))
        for talker in talkers { talker.microphone?.level = 20 }
        world.run(for: .seconds(6))
        #expect(Set(floor(in: world)) == Set(talkers.map(\.id)) && floor(in: world).count == 2)
    }

    @Test("of many only those who speak are sent, at once and without a hole", arguments: [1, 3])
    func loudest(workers: Int) throws {
        var limits = ForwardingUnit.Limits()
        limits.audioTop = 2
        let world = try SimulatedWorld(seed: 302, workers: workers, limits: limits)
        let talkers = try (0..<5).map { try world.join(talker("talker \($0)", on: $0 % workers)) }
        give(talkers, to: nil)
        let listeners = try (0..<5).map { try world.join(listener(to: "talker \($0)", on: ($0 + 1) % workers)) }
        world.run(for: .seconds(4))
        // Those who came first have the places that nobody wants.
        let first = heardTalkers(world, listeners, since: world.now - .seconds(1))
        #expect(workers == 1 ? first == [0, 1] : first.count == 2)
        let before = world.units.map { $0.statistics().relayedOut }.reduce(0, +)
        world.run(for: .seconds(2))
        let relayed = world.units.map { $0.statistics().relayedOut }.reduce(0, +) - before
        if workers > 1 { #expect(relayed > 150 && relayed < 250) }
        for turn in [4, 2, 3, 4, 0, 2, 4] {
            let start = world.now
            give(talkers, to: turn)
            world.run(for: .seconds(3))
            let arrivals = listeners[turn].audio.arrivals(of: UInt16(turn)).filter { $0.at >= start }
            // The second and the third packet, and both links.
            #expect(try #require(arrivals.first).at - start < .milliseconds(120))
            #expect(heardTalkers(world, listeners, since: world.now - .seconds(1)).count == 2)
            let end = world.now
            give(talkers, to: nil)
            world.run(for: .seconds(1))
            // Nobody is cut off when they fall silent.
            #expect(listeners[turn].audio.arrivals(of: UInt16(turn)).filter { $0.at >= end }.count >= 48)
        }
        for listener in listeners {
            let review = listener.audio.review()
            #expect(review.faults == [] && review.missing == 0)
        }
        let explained = world.units.flatMap { $0.explain("room", at: world.now) }.filter { $0.reason == .notLoudest }
        #expect(explained.count == 3)
    }

    @Test("a gap of more numbers than there are is passed without a hole, on another worker, too")
    func longGap() throws {
        var limits = ForwardingUnit.Limits()
        limits.audioTop = 1
        let world = try SimulatedWorld(seed: 303, workers: 2, limits: limits)
        let talkers = try (0..<2).map { try world.join(talker("talker \($0)", on: 0)) }
        let listeners = try (0..<2).map { try world.join(listener(to: "talker 1", on: $0)) }
        give(talkers, to: 1)
        world.run(for: .seconds(3))
        give(talkers, to: 0)
        // 40,000 packets: as far from where it was as sixteen bits can tell, and further.
        world.run(for: .seconds(800))
        let heard = listeners.map(\.audio.count)
        give(talkers, to: 1)
        world.run(for: .seconds(3))
        for (listener, before) in zip(listeners, heard) {
            let review = listener.audio.review()
            #expect(review.faults == [] && review.missing == 0)
            // But for the time that the other one stays.
            #expect(listener.audio.count - before > 55)
        }
    }
}
