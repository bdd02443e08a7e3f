import MediaPrimitives

/// The datagrams that left lately of streams of sound whose losses are repaired without a stream of retransmissions: as they were encrypted, for a number
/// of a stream may never encrypt two texts (RFC 7714 §8.3), and the header that is encrypted with it changes with the moment of sending.
///
/// Bounded in number and size; what is asked for is sent again a few times at most, whatever the number of requests.
final class SealedRepeats {
    /// 640 ms of one stream.
    private static let count = 32
    private static let room = 512
    private static let mostRepeats: UInt8 = 3
    private static let shortestInterval = Interval.milliseconds(30)

    private struct Entry {
        var ssrc: UInt32 = 0
        var sequence: UInt16 = 0
        /// 0 for none.
        var length: UInt16 = 0
        var repeats: UInt8 = 0
        var isWanted = false
        var sentAt = Instant(nanoseconds: 0)
    }

    /// The streams that are kept.
    var ssrcs: [SSRC] = []
    private var entries = InlineArray<32, Entry>(repeating: Entry())
    private let memory = UnsafeMutableRawPointer.allocate(byteCount: count * room, alignment: 64)
    private var next = 0
    /// How many wait to be sent again.
    private(set) var wanted = 0

    deinit { memory.deallocate() }

    /// Notes a datagram that has been encrypted.
    func keep(_ datagram: UnsafeRawBufferPointer, at now: Instant) {
        guard datagram.count <= SealedRepeats.room, let base = datagram.baseAddress, let sequence = datagram.bytes.uint16(at: 2),
            let ssrc = datagram.bytes.uint32(at: 8), ssrcs.contains(SSRC(ssrc))
        else { return }
        if entries[next].isWanted { wanted -= 1 }
        entries[next] = Entry(ssrc: ssrc, sequence: sequence, length: UInt16(datagram.count), sentAt: now)
        (memory + next * SealedRepeats.room).copyMemory(from: base, byteCount: datagram.count)
        next = (next + 1) % SealedRepeats.count
    }

    /// `sequence` of `ssrc` is to be sent again, if it is still here and was not just sent.
    func want(_ sequence: UInt16, of ssrc: SSRC, at now: Instant) {
        for index in 0..<SealedRepeats.count {
            let entry = entries[index]
            guard entry.length > 0, entry.sequence == sequence, entry.ssrc == ssrc.rawValue else { continue }
            guard !entry.isWanted, entry.repeats < SealedRepeats.mostRepeats,
                now - entry.sentAt >= (entry.repeats == 0 ? .zero : SealedRepeats.shortestInterval)
            else { return }
            entries[index].isWanted = true
            wanted += 1
            return
        }
    }

    /// Hands the datagrams that wait to `send`, until it takes none any more. Valid within the call.
    func sendWanted(at now: Instant, _ send: (UnsafeRawBufferPointer) -> Bool) {
        guard wanted > 0 else { return }
        for offset in 0..<SealedRepeats.count {
            let index = (next + offset) % SealedRepeats.count
            guard entries[index].isWanted else { continue }
            let datagram = UnsafeRawBufferPointer(start: memory + index * SealedRepeats.room, count: Int(entries[index].length))
            guard send(datagram) else { return }
            entries[index].isWanted = false
            entries[index].repeats += 1
            entries[index].sentAt = now
            wanted -= 1
        }
    }
}
