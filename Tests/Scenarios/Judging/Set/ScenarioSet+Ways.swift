import MediaPrimitives
import Simulation

// Delay that is the way's own.
extension ScenarioSet {
    static let ways =
        [20, 100, 200, 400].map { (roundTrip: Int64) in
            Scenario("rtt-\(roundTrip)") { stage in
                try stage.publish()
                // Wide enough for the best encoding, and not much wider.
                try stage.watch(behind: stage.bottleneck(.init(2_200_000))) { plan in
                    plan.downlink.delay = .milliseconds(roundTrip / 2)
                    plan.uplink.delay = .milliseconds(roundTrip / 2)
                }
            }
        }
        + [20, 60].map { (jitter: Int64) in
            Scenario("jitter-\(jitter)") { stage in
                try stage.publish()
                try stage.watch(behind: stage.bottleneck(.init(2_200_000))) { plan in
                    plan.downlink.jitter = .milliseconds(jitter)
                    plan.downlink.reordering = 0.02
                    plan.uplink.jitter = .milliseconds(jitter / 2)
                }
            }
        }
}
