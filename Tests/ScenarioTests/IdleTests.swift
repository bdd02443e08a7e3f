import HeadlessClients
import MediaPrimitives
import Rooms
import Simulation
import Testing

@Suite("Where nothing comes") struct IdleTests {
    @Test("viewers cost little, and have their share at once when something comes", arguments: [0, 1])
    func beginning(worker: Int) throws {
        let world = try SimulatedWorld(seed: 9, workers: 2)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        plan.audio = nil
        plan.startDelay = .seconds(30)
        _ = try world.join(plan)
        let viewers = try (0..<10).map { number in
            var plan = PeerPlan.viewer("viewer \(number)")
            plan.worker = worker
            world.run(for: .milliseconds(37))
            return try world.join(plan)
        }
        world.run(for: .seconds(10))
        var works = 0
        world.whenWorking = { works += 1 }
        world.run(for: .seconds(15))
        world.whenWorking = nil
        // Reports and checks of consent. (With a look at everybody's share twice a second it would be above 4,200.)
        #expect(works < 3_600)

        func shares() -> Int {
            world.units[worker].explain("room", at: world.now).count { $0.allocated != nil }
        }
        #expect(shares() == 0)
        #expect(world.run(for: .seconds(10)) { viewers.allSatisfy { $0.video.decoder.frames > 0 } })
        #expect(shares() == viewers.count)
    }
}
