import Simulation

/// All scenarios, in the order of the table.
package enum ScenarioSet {
    package static let all = plain + losses + ways + narrowPlaces + switches + rooms

    package static func named(_ name: String) -> Scenario? { all.first { $0.name == name } }

    /// A way that is wide enough for everything, and measured: what is spoilt on it was spoilt by us.
    static let wide = 4_000_000

    static let plain = [
        Scenario("clean") { stage in
            try stage.publish()
            try stage.watch(behind: stage.bottleneck(.init(wide)))
        }
    ]
}
