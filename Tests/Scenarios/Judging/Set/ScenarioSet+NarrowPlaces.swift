import MediaPrimitives
import Simulation

// Ways that do not carry everything, or not always.
extension ScenarioSet {
    static let narrowPlaces = [
        Scenario("step-1-2") { stage in
            var rate = RatePlan(1_000_000)
            rate.change(to: 2_000_000, at: stage.instant(30))
            stage.note(.up, at: 30, settling: 5)
            try stage.publish()
            try stage.watch(behind: stage.bottleneck(rate))
        },
        Scenario("step-3-0.5-3", seconds: 75) { stage in
            var rate = RatePlan(3_000_000)
            rate.change(to: 500_000, at: stage.instant(20))
            rate.change(to: 3_000_000, at: stage.instant(45))
            stage.note(.down, at: 20, settling: 5)
            stage.note(.up, at: 45, settling: 15)
            try stage.publish()
            try stage.watch(behind: stage.bottleneck(rate))
        },
        Scenario("ramp-3-0.4-3", seconds: 120) { stage in
            var rate = RatePlan(3_000_000)
            rate.ramp(to: 400_000, from: stage.instant(10), until: stage.instant(50))
            rate.ramp(to: 3_000_000, from: stage.instant(70), until: stage.instant(110))
            try stage.publish()
            try stage.watch(behind: stage.bottleneck(rate))
        },
        Scenario("deep-queue-0.3") { stage in
            try stage.publish()
            try stage.watch(behind: stage.bottleneck(.init(300_000), queue: .time(.seconds(1))))
        },
        // A shaper: what comes after a silence passes at once, and so does a short probe.
        Scenario("bucket-0.4") { stage in
            var rate = RatePlan(400_000)
            rate.change(to: 4_000_000, at: stage.instant(40))
            stage.note(.up, at: 40, settling: 10)
            try stage.publish()
            try stage.watch(behind: stage.bottleneck(rate, bucket: 4_000))
        },
        // The second encoding takes nearly all that a shaper lets through.
        Scenario("close-fit") { stage in
            var rate = RatePlan(50_000_000)
            rate.change(to: 400_000, at: stage.instant(2))
            stage.note(.down, at: 2, settling: 8)
            try stage.publish { $0.video?.shapes = [.rung(320, 180, 190_000), .rung(640, 360, 290_000), .rung(1_280, 720, 600_000)] }
            try stage.watch(behind: stage.bottleneck(rate, bucket: 4_000))
        },
        // Somebody else takes 1.5 of 2.5 Mbit/s for half a minute.
        Scenario("competing", seconds: 75) { stage in
            let other = CrossTraffic(rate: 1_500_000, from: stage.instant(20), until: stage.instant(50))
            stage.note(.down, at: 20, settling: 5)
            stage.note(.up, at: 50, settling: 15)
            try stage.publish()
            try stage.watch(behind: stage.bottleneck(.init(2_500_000), others: [other]))
        },
        // Each has room for the second encoding, neither for the third.
        Scenario("two-equal-1.5", seconds: 90) { stage in
            try stage.publish()
            let shared = stage.bottleneck(.init(1_500_000))
            try stage.watch(behind: shared)
            stage.note(.down, at: 15, settling: 15)
            stage.at(15) { try stage.watch(behind: shared) }
        },
        // Each has room for the third.
        Scenario("two-equal-4", seconds: 90) { stage in
            try stage.publish()
            let shared = stage.bottleneck(.init(4_000_000))
            try stage.watch(behind: shared)
            stage.note(.down, at: 15, settling: 15)
            stage.at(15) { try stage.watch(behind: shared) }
        },
        // The publisher's own way carries two encodings of three for twenty seconds.
        Scenario("narrow-uplink", seconds: 75) { stage in
            stage.note(.down, at: 20, settling: 10)
            stage.note(.up, at: 40, settling: 20)
            let camera = try stage.publish()
            var rate = RatePlan(4_000_000)
            rate.change(to: 1_000_000, at: stage.instant(20))
            rate.change(to: 4_000_000, at: stage.instant(40))
            camera.peer.uplink.bottleneck = stage.bottleneck(rate)
            try stage.watch(behind: stage.bottleneck(.init(wide)))
        },
    ]
}
