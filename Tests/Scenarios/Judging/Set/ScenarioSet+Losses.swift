import MediaPrimitives
import Simulation

// Packets that are lost, though the way is wide. Round trips of 100 ms.
extension ScenarioSet {
    static let losses =
        [1, 5, 10, 15, 20].map { percent in
            Scenario("loss-down-\(percent)") { stage in
                try stage.publish()
                try stage.watch(behind: stage.bottleneck(.init(wide))) { plan in
                    plan.downlink = LinkConditions(delay: .milliseconds(50), loss: Double(percent) / 100)
                    plan.uplink.delay = .milliseconds(50)
                }
            }
        }
        + [1, 5, 10, 20].map { percent in
            Scenario("loss-up-\(percent)") { stage in
                try stage.publish { plan in
                    plan.uplink = LinkConditions(delay: .milliseconds(50), loss: Double(percent) / 100)
                    plan.downlink.delay = .milliseconds(50)
                }
                try stage.watch(behind: stage.bottleneck(.init(wide)))
            }
        } + [
            // Whoever has no stream of retransmissions gets what it lacks as it was.
            Scenario("loss-down-5-plain") { stage in
                try stage.publish()
                try stage.watch(behind: stage.bottleneck(.init(wide))) { plan in
                    plan.takesRetransmissions = false
                    plan.downlink = LinkConditions(delay: .milliseconds(50), loss: 0.05)
                    plan.uplink.delay = .milliseconds(50)
                }
            },
            // One datagram in 25, in bursts of five.
            Scenario("bursts-down") { stage in
                try stage.publish()
                try stage.watch(behind: stage.bottleneck(.init(wide))) { $0.downlink.bursts = GilbertElliott(badShare: 0.04, burst: 5) }
            },
            Scenario("bursts-up") { stage in
                try stage.publish { $0.uplink.bursts = GilbertElliott(badShare: 0.04, burst: 5) }
                try stage.watch(behind: stage.bottleneck(.init(wide)))
            },
            // What is lost above must not be held against those below.
            Scenario("lossy-uplink") { stage in
                try stage.publish { plan in
                    plan.uplink.loss = 0.1
                    plan.uplink.bursts = GilbertElliott(badShare: 0.02, burst: 4)
                }
                for rate in [2_500_000, 4_000_000, 8_000_000] { try stage.watch(behind: stage.bottleneck(.init(rate))) }
            },
        ]
}
