import CMemory
import EventLoop
import MediaPrimitives

/// The sockets of the media path alone: CPU time for each datagram that is sent or received over loopback, kernel included.
///
///     swift run -c release SocketPath [rounds [send|receive|many]]
///
/// Nothing is encrypted and nobody looks into a datagram. What is measured is the thread that sends or reads; on loopback the sender also pays for
/// the receiver's side of the stack, which on a network it would not.
@main
struct SocketPath {
    static let payload = 1_100

    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        let rounds = max(1, arguments.first.flatMap { Int($0) } ?? 5)
        let parts = arguments.dropFirst().first.map { [$0] } ?? ["send", "receive", "many"]
        if parts.contains("send") { try measureSending(rounds) }
        if parts.contains("receive") { try measureReceiving(rounds) }
        if parts.contains("many") { try await ManySockets.measure(rounds) }
    }

    // MARK: Sending

    /// One socket sends `run` datagrams to each of `viewers`, in one turn.
    private static func measureSending(_ rounds: Int) throws {
        print("send: ns for each datagram of \(payload) bytes")
        print("viewers  each  receivers   singly    in runs")
        for (viewers, run) in [(1, 1), (1, 8), (50, 1), (50, 8), (200, 8)] {
            for merges in [false, true] {
                let benches = try [UDPSocket.Options.SendsRuns.never, .whereSupported].map {
                    try SendingBench(viewers: viewers, run: run, sendsRuns: $0, merges: merges)
                }
                let (singly, inRuns) = medians(rounds, benches.map { bench in { bench.turns(2_000 / (viewers * run) + 5) } })
                print(column(viewers, 7), column(run, 5), column(merges ? "UDP_GRO" : "plain", 10), column(singly, 8), column(inRuns, 10))
            }
        }
        print("")
    }

    // MARK: Receiving

    private static func measureReceiving(_ rounds: Int) throws {
        print("receive: ns for each datagram of \(payload) bytes")
        print("sent in runs of  plain  UDP_GRO")
        for run in [1, 2, 8, 32] {
            let benches = try [false, true].map { try ReceivingBench(run: run, merges: $0) }
            let (plain, merging) = medians(rounds, benches.map { bench in { bench.turns(100) } })
            print(column(run, 15), column(plain, 6), column(merging, 8))
        }
        print("")
    }

    /// Both run by turns, so that neighbours disturb them alike.
    static func medians(_ rounds: Int, _ bodies: [() -> Double]) -> (Double, Double) {
        var results = bodies.map { _ in [Double]() }
        for body in bodies { _ = body() }
        for _ in 0..<rounds { for (index, body) in bodies.enumerated() { results[index].append(body()) } }
        let medians = results.map { $0.sorted()[rounds / 2] }
        return (medians[0], medians[1])
    }

    static func column(_ value: some CustomStringConvertible, _ width: Int) -> String {
        let text = value.description
        return String(repeating: " ", count: max(0, width - text.count)) + text
    }

    static func column(_ value: Double, _ width: Int) -> String { column(Int(value.rounded()), width) }
}

extension SocketAddress {
    static let loopback = SocketAddress(ipv4: 0x7f00_0001, port: 0)
}

/// One sender and its viewers' sockets. Nothing runs: until a loop starts, its sockets are whose maker they are.
final class SendingBench {
    private let loop: EventLoop
    private let sender: UDPSocket
    private let viewers: [UDPSocket]
    private let batch: DatagramBatch

    init(viewers: Int, run: Int, sendsRuns: UDPSocket.Options.SendsRuns, merges: Bool) throws {
        let loop = try EventLoop(name: "bench")
        self.loop = loop
        var options = UDPSocket.Options()
        options.sendsRuns = sendsRuns
        sender = try UDPSocket(loop, channel: 0, address: .loopback, options: options)
        options.receivesRuns = merges
        self.viewers = try (0..<viewers).map { try UDPSocket(loop, channel: UInt32($0 + 1), address: .loopback, options: options) }
        batch = DatagramBatch(capacity: viewers * run)
        for viewer in self.viewers {
            for _ in 0..<run {
                batch.append(to: Path(local: sender.address, remote: viewer.address)) { slot in
                    for index in 0..<SocketPath.payload { slot[index] = UInt8(truncatingIfNeeded: index) }
                    return SocketPath.payload
                }
            }
        }
    }

    /// Nanoseconds for each datagram that was sent.
    func turns(_ count: Int) -> Double {
        var spent: Int64 = 0
        for _ in 0..<count {
            let start = memory_cpu_nanoseconds()
            sender.send(batch)
            spent += memory_cpu_nanoseconds() - start
            for viewer in viewers { viewer.read() }
        }
        return Double(spent) / Double(count * batch.count)
    }
}

/// One socket that is sent 64 datagrams at a time.
final class ReceivingBench {
    private let loop: EventLoop
    private let sender: UDPSocket
    private let receiver: UDPSocket
    private let batch = DatagramBatch(capacity: 64)

    init(run: Int, merges: Bool) throws {
        let loop = try EventLoop(name: "bench")
        self.loop = loop
        sender = try UDPSocket(loop, channel: 0, address: .loopback)
        var options = UDPSocket.Options()
        options.receivesRuns = merges
        // Bound to all addresses, as a server's is.
        receiver = try UDPSocket(loop, channel: 1, address: SocketAddress(ipv4: 0, port: 0), options: options)
        let path = Path(local: sender.address, remote: SocketAddress.loopback.with(port: receiver.address.port))
        for index in 0..<64 {
            // The last of a run is shorter, so that the next begins.
            let length = run > 1 && index % run == run - 1 ? SocketPath.payload - 100 : SocketPath.payload - (run == 1 ? 64 - index : 0)
            batch.append(to: path) { _ in length }
        }
    }

    func turns(_ count: Int) -> Double {
        var spent: Int64 = 0
        let before = receiver.counters.received
        for _ in 0..<count {
            sender.send(batch)
            let start = memory_cpu_nanoseconds()
            receiver.read()
            spent += memory_cpu_nanoseconds() - start
        }
        return Double(spent) / Double(max(1, receiver.counters.received - before))
    }
}
