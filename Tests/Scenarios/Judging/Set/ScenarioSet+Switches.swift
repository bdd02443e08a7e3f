import HeadlessClients
import MediaPrimitives
import Simulation

// Encodings that change, vanish and come back, and numbers that wrap meanwhile.
extension ScenarioSet {
    static let switches = [
        Scenario("switch-every-2s") { stage in
            try stage.publish()
            let viewer = try stage.watch(behind: stage.bottleneck(.init(wide))) { plan in
                plan.downlink = LinkConditions(delay: .milliseconds(50), loss: 0.05)
                plan.uplink.delay = .milliseconds(50)
            }
            for round in 0..<29 { stage.at(Double(2 + 2 * round)) { stage.wish(viewer, [0, 2, 1][round % 3]) } }
        },
        Scenario("keyframe-lost") { stage in
            let camera = try stage.publish()
            let viewer = try stage.watch(behind: stage.bottleneck(.init(wide)))
            for round in 0..<11 {
                let begin = Double(5 + 5 * round)
                stage.at(begin) {
                    let layer = [0, 2, 1][round % 3]
                    stage.wish(viewer, layer)
                    stage.loseNextKeyframe(of: camera, layer, before: viewer, until: stage.instant(begin + 3))
                }
            }
        },
        Scenario("layer-vanishes") { stage in
            let camera = try stage.publish()
            try stage.watch(behind: stage.bottleneck(.init(wide)))
            stage.note(.up, at: 20, settling: 5)
            stage.note(.up, at: 40, settling: 5)
            stage.at(20) { camera.peer.cameras[2].isPaused = true }
            stage.at(40) { camera.peer.cameras[2].isPaused = false }
        },
        Scenario("wraps", seconds: wrapping, chooseSeed: seedThatWraps, wraps),
        Scenario("muted-10-minutes", seconds: 660) { stage in
            let camera = try stage.publish()
            try stage.watch(behind: stage.bottleneck(.init(2_200_000)))
            stage.note(.up, at: 630, settling: 5)
            stage.at(30) { camera.peer.isMuted = true }
            stage.at(630) { camera.peer.isMuted = false }
        },
    ]
}

extension Stage {
    /// The next keyframe of an encoding is lost on its way to `viewer`, with all that is sent in the same 40 ms.
    func loseNextKeyframe(of camera: Publisher, _ layer: Int, before viewer: Viewer, until end: Instant) {
        let source = camera.peer.cameras[layer]
        let before = source.keyframes
        func look() {
            if source.keyframes == before {
                if now < end { at(now + .milliseconds(1)) { look() } }
                return
            }
            // It is on its way up.
            let arrival = now + camera.peer.uplink.conditions.delay - .milliseconds(2)
            at(arrival) { viewer.peer.downlink.conditions.isCut = true }
            at(arrival + .milliseconds(40)) { viewer.peer.downlink.conditions.isCut = false }
        }
        look()
    }
}
