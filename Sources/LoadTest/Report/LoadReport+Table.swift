import Foundation

extension LoadReport {
    /// For people: a line for each thing measured.
    package var table: String {
        var lines: [(String, String)] = []
        lines.append(("joined", "\(joined) of \(joined + failed)" + (ended > 0 ? ", \(ended) ended early" : "")))
        for (sentence, count) in failures.sorted(by: { $0.key < $1.key }) { lines.append(("", "\(count) × \(sentence)")) }
        if silent > 0 { lines.append(("", "\(silent) subscribers never got any media")) }
        if publishMs.count > 0 { lines.append(("publish", publishMs.text)) }
        if joinMs.count > 0 { lines.append(("join", joinMs.text)) }
        if firstFrameMs.count > 0 { lines.append(("first frame", firstFrameMs.text)) }
        if delayMs.count > 0 { lines.append(("delay", delayMs.text)) }
        if packets.expected > 0 {
            lines.append(
                (
                    "delivery",
                    "\(Self.percent(delivery)), worst subscriber \(Self.percent(deliveryWorst)): \(packets.received) of \(packets.expected) packets"
                ))
            lines.append(
                (
                    "packets",
                    "\(Int(packetsPerS)) a second; \(packets.repaired) repaired, \(packets.duplicates) twice, \(packets.strays) strays"
                ))
            lines.append(
                ("freezes", "\(freezes), \(Self.number(freezeS)) s in all, \(Self.number(freezeSWorst)) s for the worst subscriber"))
        }
        if layers.asked > 0 {
            let text = "\(layers.reached) of \(layers.asked) reached, \(layers.wrongPackets) packets of others; \(layers.switchMs.text)"
            lines.append(("layers", text))
        }
        lines.append(
            ("verified", "\(verified.clients) clients, \(verified.packets) packets, \(verified.faults.isEmpty ? "no" : "some") faults"))
        for fault in verified.faults { lines.append(("", fault)) }
        lines.append(
            (
                "generator",
                "\(generator.threads) threads, \(Self.number(generator.cpuShare * 100)) % of a core, timers late by \(Self.number(generator.loopLagMs.p99)) ms (p99)"
            ))
        if generator.isBottleneck {
            lines.append(("", "THE LOAD GENERATOR WAS TOO SLOW: " + generator.reasons.joined(separator: "; ")))
        }
        for bar in bars {
            lines.append((bar.met ? "reached" : "MISSED", "\(bar.name): \(Self.figure(bar.value)), bar \(Self.figure(bar.limit))"))
        }
        return lines.map { $0.0.padding(toLength: 13, withPad: " ", startingAt: 0) + $0.1 + "\n" }.joined()
    }

    private static func percent(_ share: Double) -> String { String(format: "%.4f %%", share * 100) }
    /// A bar may be as fine as 0.9995, and must not seem to be reached where it is not.
    private static func figure(_ value: Double) -> String { String(format: "%.6g", value) }

    fileprivate static func number(_ value: Double) -> String { String(format: value < 10 ? "%.2f" : "%.1f", value) }
}

extension LoadReport.Spread {
    fileprivate var text: String {
        "p50 \(LoadReport.number(p50)) ms, p90 \(LoadReport.number(p90)) ms, p99 \(LoadReport.number(p99)) ms, max \(LoadReport.number(max)) ms"
    }
}
