import CAllocations
import Congestion
import MediaPrimitives
import RTP

/// What the estimator takes of the packet path and of feedback: CPU time and allocations.
///
///     swift run -c release Estimating [rounds]
///
/// So many transports as a worker may have, one after another as a turn takes them, so that their state is not always in the cache.
@main
struct Estimating {
    static let packetsPerReport = 60
    static let reportsPerRound = 20

    static func main() throws {
        let rounds = min(CommandLine.arguments.dropFirst().compactMap { Int($0) }.first { $0 > 0 } ?? 9, 1_000)
        print("a transport's estimator has \(MemoryLayout<BandwidthEstimator>.size) bytes, its pacer \(MemoryLayout<Pacer>.size)")
        print("transports  noteSent  allocations  pacer  allocations  status  allocations")
        print("              ns each         each  ns each        each  ns each        each")
        for transports in [100, 1_000] { try measure(transports: transports, rounds: rounds) }
    }

    struct Cost {
        var nanoseconds: Int64 = 0
        var allocations: UInt64 = 0

        mutating func measure(_ body: () -> Void) {
            let allocated = allocations_of_thread()
            let began = cpu_nanoseconds_of_thread()
            body()
            nanoseconds += cpu_nanoseconds_of_thread() - began
            allocations += allocations_of_thread() - allocated
        }
    }

    /// One transport, held as its owner would.
    final class Transport {
        var estimator = BandwidthEstimator(limits: .init(start: .kilobits(2_500)))
        var pacer = Pacer(target: .kilobits(2_500))
        var number: UInt16 = 0
    }

    static func measure(transports count: Int, rounds: Int) throws {
        let transports = (0..<count).map { _ in Transport() }
        var now = Instant(nanoseconds: 1_000_000_000)
        var sent: [Double] = []
        var paced: [Double] = []
        var reported: [Double] = []
        var allocations = (sent: UInt64(0), paced: UInt64(0), reported: UInt64(0))
        for round in 0...rounds {
            var sending = Cost()
            var pacing = Cost()
            var reporting = Cost()
            for _ in 0..<reportsPerRound {
                // Bursts of eight, as they arrive.
                var left = packetsPerReport
                while left > 0 {
                    let burst = min(8, left)
                    sending.measure {
                        for transport in transports {
                            for _ in 0..<burst {
                                transport.estimator.noteSent(transport.number, bytes: 1_100, at: now)
                                transport.number &+= 1
                            }
                        }
                    }
                    pacing.measure {
                        for transport in transports {
                            for _ in 0..<burst where transport.pacer.allowance(.media, at: now) > 0 {
                                transport.pacer.note(.media, bytes: 1_100, at: now)
                            }
                        }
                    }
                    left -= burst
                    now = now + .milliseconds(6)
                }
                let reports = transports.map { feedback(upTo: $0.number, at: now) }
                var messages: [TransportFeedback] = []
                for bytes in reports {
                    var packets = RTCPPacketIterator()
                    guard let packet = packets.next(in: bytes.span.bytes), let message = TransportFeedback.parse(bytes.span.bytes, packet)
                    else { throw Unreadable() }
                    messages.append(message)
                }
                now = now + .milliseconds(2)
                reporting.measure {
                    for index in transports.indices {
                        reports[index].withUnsafeBytes { transports[index].estimator.noteFeedback(messages[index], in: $0.bytes, at: now) }
                    }
                }
            }
            // The first fills rings and caches.
            guard round > 0 else { continue }
            let each = Double(count * packetsPerReport * reportsPerRound)
            sent.append(Double(sending.nanoseconds) / each)
            paced.append(Double(pacing.nanoseconds) / each)
            reported.append(Double(reporting.nanoseconds) / each)
            allocations.sent += sending.allocations
            allocations.paced += pacing.allocations
            allocations.reported += reporting.allocations
        }
        let each = Double(count * packetsPerReport * reportsPerRound * rounds)
        print(
            column(Double(count), 10, 0) + column(median(sent), 10, 1) + column(Double(allocations.sent) / each, 13, 3)
                + column(median(paced), 7, 1) + column(Double(allocations.paced) / each, 13, 3) + column(median(reported), 8, 1)
                + column(Double(allocations.reported) / each, 13, 3))
    }

    struct Unreadable: Error {}

    /// A report of the last packets: in every tenth one was lost.
    static func feedback(upTo next: UInt16, at now: Instant) -> [UInt8] {
        let base = Int64(0x1_0000) + Int64(next) - Int64(packetsPerReport)
        let arrivals = (0..<packetsPerReport).filter { $0 != 30 }.map { index in
            PacketArrival(
                sequence: base + Int64(index),
                arrival: now - .milliseconds(Int64((packetsPerReport - 1 - index) / 8 * 6)) + .microseconds(Int64(index % 8) * 300))
        }
        return ByteWriter.array {
            _ = TransportFeedback.write(
                into: &$0, sender: SSRC(1), media: SSRC(2), feedbackCount: 0, base: base, arrivals: arrivals.span)
        } ?? []
    }

    static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    /// Right-aligned, with so many decimals.
    static func column(_ value: Double, _ width: Int, _ decimals: Int) -> String {
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int((value * scale).rounded())
        var text = "\(scaled / Int(scale))"
        if decimals > 0 {
            let fraction = "\(scaled % Int(scale))"
            text += "." + String(repeating: "0", count: decimals - fraction.count) + fraction
        }
        return String(repeating: " ", count: max(width - text.count, 0)) + text
    }
}
