import HeadlessClients
import MediaPrimitives
import Simulation

// Other pictures, and more people.
extension ScenarioSet {
    static let rooms = [
        Scenario("screen-share-1fps", seconds: 120) { stage in
            try stage.publish("screen") { plan in
                var shape = VideoShape.rung(1_920, 1_080, 200_000)
                shape.frameInterval = .seconds(1)
                plan.video?.rids = []
                plan.video?.shapes = [shape]
                plan.audio = nil
            }
            try stage.watch(behind: stage.bottleneck(.init(1_500_000))) { $0.downlink.loss = 0.02 }
        },
        Scenario("fifty-joiners", seconds: 30) { stage in
            try stage.publish()
            for number in 0..<50 {
                try stage.watch(name: "viewer \(number)", behind: stage.bottleneck(.init(wide))) { plan in
                    plan.downlink.delay = .milliseconds(Int64(10 + number % 5 * 10))
                }
            }
        },
        // Two speak, the others' microphones say now and then that they are silent.
        Scenario("nine-cameras-1.5") { stage in
            for number in 0..<9 {
                let publisher = try stage.publish("camera \(number)")
                publisher.peer.microphone?.isSilent = number > 1
            }
            try stage.watch(stage.publishers, behind: stage.bottleneck(.init(1_500_000)))
        },
    ]
}
