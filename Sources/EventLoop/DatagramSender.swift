import CNetwork
import MediaPrimitives

/// What the sockets of a loop send with, one at a time: gathers datagrams into messages, and messages into system calls.
///
/// Datagrams that follow each other on one path and have one length, but for the last, which may be shorter, are a run: one message, which the
/// kernel carries through its stack as one packet and cuts at the end (UDP_SEGMENT). Nothing is moved or overtaken for the sake of a run.
final class DatagramSender {
    /// How a socket sends.
    struct Manner {
        /// It is connected: no destination is named.
        var isConnected: Bool
        /// It is bound to all addresses, so that each message names the one it leaves from.
        var isUnspecified: Bool
        var makesRuns: Bool
    }

    /// Datagrams gathered for one system call.
    static let capacity = 256
    /// Segments of a run: what Linux takes before 6.9 (UDP_MAX_SEGMENTS).
    static let longestRun = 64
    /// Bytes of a run: what fits into an IP packet with room for any header.
    static let largestRun = 65_000

    private let sender: OpaquePointer
    /// Which datagram of its source each gathered one is.
    private let sources: UnsafeMutablePointer<Int>
    private var manner = Manner(isConnected: false, isUnspecified: false, makesRuns: false)
    @exclusivity(unchecked)  // Read and written at one go, never lent.
    private(set) var count = 0
    @exclusivity(unchecked)
    private var run = Run()

    /// The message that was begun last.
    private struct Run {
        var path: Path?
        /// The length of its datagrams.
        var length = 0
        /// Of all of them.
        var bytes = 0
        var count = 0
        /// None may follow a shorter one.
        var isOpen = false

        func takes(_ length: Int, to path: Path) -> Bool {
            isOpen && length <= self.length && count < DatagramSender.longestRun && bytes + length <= DatagramSender.largestRun
                && self.path == path
        }
    }

    /// Nil without memory.
    init?() {
        guard let sender = apus_sender_create(UInt32(DatagramSender.capacity)) else { return nil }
        self.sender = sender
        sources = .allocate(capacity: DatagramSender.capacity)
    }

    deinit {
        apus_sender_destroy(sender)
        sources.deallocate()
    }

    // MARK: Gathering

    /// Forgets what was gathered; what follows is for a socket that sends in this manner.
    func begin(_ manner: Manner) {
        apus_sender_clear(sender)
        count = 0
        run.isOpen = false
        self.manner = manner
    }

    var isFull: Bool { count == DatagramSender.capacity }

    /// Takes number `source` of what is gathered from. Its bytes must stay until it is sent. Nothing happens when full.
    func add(_ bytes: UnsafeRawBufferPointer, to path: Path, source: Int) {
        guard let base = bytes.baseAddress, !isFull else { return }
        if run.takes(bytes.count, to: path) {
            guard apus_sender_extend(sender, base, UInt32(bytes.count)) else { return }
            run.bytes += bytes.count
            run.count += 1
            run.isOpen = bytes.count == run.length
        } else {
            var flags = manner.isConnected ? APUS_SEND_CONNECTED : 0
            // Bound to everything: the answer must leave from the address that was asked.
            if manner.isUnspecified, !path.local.isUnspecified { flags |= APUS_SEND_SOURCE }
            guard apus_sender_begin(sender, base, UInt32(bytes.count), apus_address(path.remote), apus_address(path.local), flags) else {
                return
            }
            run = Run(path: path, length: bytes.count, bytes: bytes.count, count: 1, isOpen: manner.makesRuns)
        }
        sources[count] = source
        count &+= 1
    }

    /// Which one of its source the `position`-th that was gathered is.
    func source(_ position: Int) -> Int { sources[position] }

    // MARK: Messages

    var messageCount: Int { Int(apus_sender_messages(sender)) }

    /// The datagrams of a message, by their positions.
    func datagrams(of message: Int) -> Range<Int> { first(message)..<first(message + 1) }

    /// The position of a message's first datagram; behind the last message, `count`.
    func first(_ message: Int) -> Int { Int(apus_sender_first(sender, UInt32(message))) }

    /// Hands the messages from `message` on to the kernel: how many left, or a negated errno, which concerns that message alone.
    func send(from message: Int, by descriptor: Int32) -> Int { Int(apus_send(sender, descriptor, UInt32(message))) }

    /// Sends one datagram of a message without the others: 1, or a negated errno.
    func send(_ position: Int, of message: Int, by descriptor: Int32) -> Int {
        Int(apus_send_alone(sender, descriptor, UInt32(message), UInt32(position)))
    }
}
