import Forwarding
import MediaPrimitives

/// The datagrams that left lately of streams whose losses are repaired without a stream of retransmissions: as they were encrypted, for a number
/// of a stream may never encrypt two texts (RFC 7714 §8.3), and the header that is encrypted with it changes with the moment of sending. What is
/// sent again is not encrypted again.
///
/// A ring of bytes, and one of as many entries as are found by number without a search: bounded in both, and taken with the first datagram. What is
/// asked for is sent again a few times at most, whatever the number of requests; of pictures no more than `ResendBudget` allows.
package final class SealedRepeats {
    /// What is kept, of all streams of a participant together.
    package enum Extent: Equatable {
        /// 640 ms of one stream of sound: 16 KB.
        case sound
        /// A second of pictures, and sound, at 4 Mbit/s: half a megabyte.
        case pictures

        /// Both are powers of two, as they come round.
        fileprivate var datagrams: Int { self == .sound ? 32 : 512 }
        fileprivate var bytes: Int { self == .sound ? 16_384 : 524_288 }
    }

    private static let longest = DatagramBatch.slotSize
    /// A browser asks ten times; what was sent so often in vain comes too late.
    private static let mostRepeats: UInt8 = 6
    /// Sound is played out sooner.
    private static let mostRepeatsOfSound: UInt8 = 3
    private static let shortestInterval = Interval.milliseconds(30)

    private struct Entry {
        /// Where it begins, counted from the first byte ever kept.
        var start = 0
        /// The place of the one before it in its chain, counted from the first ever kept.
        var former = -1
        var sentAt = Instant(nanoseconds: 0)
        var ssrc: UInt32 = 0
        var sequence: UInt16 = 0
        var length: UInt16 = 0
        /// By which feedback will tell of it; nil for none.
        var number: UInt16?
        /// How often it was asked for and sent.
        var repeats: UInt8 = 0
        /// How many copies of it wait to be sent.
        var copies: UInt8 = 0
        var isSound = false
    }

    /// A datagram that is sent again.
    package struct Repeat {
        /// Valid within the call.
        package var datagram: UnsafeRawBufferPointer
        package var isSound: Bool
        /// As it was kept with.
        package var number: UInt16?
    }

    package let extent: Extent
    /// The streams that are kept.
    package var ssrcs: [SSRC] = []
    private let count: Int
    private let capacity: Int
    private var memory: UnsafeMutableRawPointer?
    private var entries: UnsafeMutablePointer<Entry>?
    /// The newest place of each chain: of the numbers that have their lower bits in common with it, which in one stream only one has.
    private var chains: UnsafeMutablePointer<Int>?
    /// Places that wait to be sent again, in the order in which they were asked for.
    private var queue: UnsafeMutablePointer<Int>?
    private var queueStart = 0
    /// How many wait to be sent again.
    package private(set) var wanted = 0
    /// One past the newest place, and one past the newest byte.
    private var next = 0
    private var end = 0
    private var budget = ResendBudget()

    package init(_ extent: Extent) {
        self.extent = extent
        count = extent.datagrams
        capacity = extent.bytes
    }

    deinit {
        memory?.deallocate()
        entries?.deallocate()
        chains?.deallocate()
        queue?.deallocate()
    }

    // MARK: What left

    /// Notes a datagram that has been encrypted; feedback will tell of it by `number`, if at all.
    package func keep(_ datagram: UnsafeRawBufferPointer, number: UInt16? = nil, isSound: Bool, at now: Instant) {
        guard datagram.count <= SealedRepeats.longest, let base = datagram.baseAddress, let sequence = datagram.bytes.uint16(at: 2),
            let ssrc = datagram.bytes.uint32(at: 8), ssrcs.contains(SSRC(ssrc))
        else { return }
        if entries == nil { begin() }
        guard let memory, let entries, let chains else { return }
        // None lies across the end.
        let offset = end & (capacity - 1)
        if offset + datagram.count > capacity { end += capacity - offset }
        (memory + end & (capacity - 1)).copyMemory(from: base, byteCount: datagram.count)
        let chain = chains + chain(sequence, ssrc)
        entries[next & (count - 1)] = Entry(
            start: end, former: chain.pointee, sentAt: now, ssrc: ssrc, sequence: sequence, length: UInt16(datagram.count), number: number,
            isSound: isSound)
        chain.pointee = next
        next += 1
        end += datagram.count
        budget.credit(datagram.count)
    }

    private func begin() {
        memory = .allocate(byteCount: capacity, alignment: 64)
        entries = .allocate(capacity: count)
        entries?.initialize(repeating: Entry(), count: count)
        chains = .allocate(capacity: count)
        chains?.initialize(repeating: -1, count: count)
        queue = .allocate(capacity: count)
        queue?.initialize(repeating: -1, count: count)
    }

    /// Streams that are at the same number are in different ones, as a rule.
    private func chain(_ sequence: UInt16, _ ssrc: UInt32) -> Int { (Int(sequence) &+ Int(ssrc)) & (count - 1) }

    /// Whether the datagram at `place` is still there, and has not been written over.
    private func isKept(_ place: Int, in entries: UnsafeMutablePointer<Entry>) -> Bool {
        place >= 0 && place >= next - count && end - entries[place & (count - 1)].start <= capacity
    }

    /// The entry of `sequence`. A chain leads from younger places to older ones: it ends at the latest where one is not kept any more.
    private func find(_ sequence: UInt16, of ssrc: UInt32) -> Int? {
        guard let entries, let chains else { return nil }
        var place = chains[chain(sequence, ssrc)]
        while isKept(place, in: entries) {
            let entry = entries + place & (count - 1)
            if entry.pointee.sequence == sequence, entry.pointee.ssrc == ssrc { return place }
            place = entry.pointee.former
        }
        return nil
    }

    // MARK: What is asked for

    /// `sequence` of `ssrc` is to be sent again, if it is still here, was not just sent, and may cost that much.
    package func want(_ sequence: UInt16, of ssrc: SSRC, insisting: Insistence = Insistence(), at now: Instant) {
        guard wanted < count, let place = find(sequence, of: ssrc.rawValue), let entries, let queue else { return }
        let entry = entries + place & (count - 1)
        let isSound = entry.pointee.isSound
        guard entry.pointee.copies == 0, isSound || budget.allows(at: now) else { return }
        let since = now - entry.pointee.sentAt
        var copies = 1
        if entry.pointee.repeats > 0 {
            guard since >= SealedRepeats.shortestInterval,
                entry.pointee.repeats < (isSound ? SealedRepeats.mostRepeatsOfSound : SealedRepeats.mostRepeats)
            else { return }
            if !isSound, since >= insisting.answered, budget.isAmple { copies = insisting.copies }
        }
        entry.pointee.copies = UInt8(copies)
        if !isSound { budget.spend(copies * Int(entry.pointee.length)) }
        queue[(queueStart + wanted) & (count - 1)] = place
        wanted += 1
    }

    /// Hands what waits to `send`, until it takes none any more.
    package func sendWanted(at now: Instant, _ send: (Repeat) -> Bool) {
        guard let memory, let entries, let queue else { return }
        while wanted > 0 {
            let place = queue[queueStart & (count - 1)]
            if isKept(place, in: entries) {
                let entry = entries + place & (count - 1)
                let datagram = UnsafeRawBufferPointer(
                    start: memory + entry.pointee.start & (capacity - 1), count: Int(entry.pointee.length))
                let again = Repeat(datagram: datagram, isSound: entry.pointee.isSound, number: entry.pointee.number)
                while entry.pointee.copies > 0 {
                    guard send(again) else { return }
                    entry.pointee.copies -= 1
                }
                entry.pointee.repeats += 1
                entry.pointee.sentAt = now
            }
            queueStart = (queueStart + 1) & (count - 1)
            wanted -= 1
        }
    }

    /// There is no way to send what waits: whoever still lacks it asks again.
    package func forgetWanted() {
        guard let entries, let queue else { return }
        while wanted > 0 {
            let place = queue[queueStart & (count - 1)]
            if isKept(place, in: entries) { entries[place & (count - 1)].copies = 0 }
            queueStart = (queueStart + 1) & (count - 1)
            wanted -= 1
        }
    }
}
