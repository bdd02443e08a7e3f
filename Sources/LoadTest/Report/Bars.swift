/// What a load test must reach to pass.
package struct Bars: Sendable {
    /// Milliseconds, at most.
    package var joinP99: Double?
    package var firstFrameP99: Double?
    package var delayP99: Double?
    /// Of what was expected, at least, for each subscriber: 0 to 1.
    package var delivery: Double?
    /// Seconds of standing pictures, at most, for each subscriber.
    package var freeze: Double?

    package init() {}

    package func results(for report: LoadReport) -> [BarResult] {
        var results: [BarResult] = []
        func most(_ name: String, _ limit: Double?, _ value: Double, of count: UInt64) {
            // Nothing measured is nothing reached.
            if let limit { results.append(BarResult(name: name, limit: limit, value: value, met: count > 0 && value <= limit)) }
        }
        most("join_ms p99", joinP99, report.joinMs.p99, of: report.joinMs.count)
        most("first_frame_ms p99", firstFrameP99, report.firstFrameMs.p99, of: report.firstFrameMs.count)
        most("delay_ms p99", delayP99, report.delayMs.p99, of: report.delayMs.count)
        most("freeze_s of the worst subscriber", freeze, report.freezeSWorst, of: report.firstFrameMs.count)
        if let delivery {
            results.append(
                BarResult(
                    name: "delivery of the worst subscriber", limit: delivery, value: report.deliveryWorst,
                    met: report.packets.expected > 0 && report.deliveryWorst >= delivery))
        }
        return results
    }
}

package struct BarResult: Codable, Sendable, Equatable {
    package var name: String
    package var limit: Double
    package var value: Double
    package var met: Bool
}
