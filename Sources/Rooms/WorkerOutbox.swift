import MediaPrimitives

/// What one worker's unit has to tell another's, gathered during a turn and then pushed into the ring between them.
///
/// Control waits here until the ring takes it, and goes before the media of the same turn; media goes at once or not at all.
package final class WorkerOutbox {
    /// What becomes of a record when the ring is filling up.
    package enum Urgency: UInt8, Sendable {
        /// Never lost. What can be outstanding is bounded by what the control plane has asked for, and by what has come through a ring.
        case control
        /// Lost when only the reserve for control is left.
        case media
        /// Lost as media is, and need not be heard at once: it tells of what was sent a round trip ago, and bears the instant at which it came.
        case feedback
        /// From nobody that is known: lost when the ring is half full, so that strangers crowd nobody out.
        case stranger

        /// How much of a ring must be left free behind such a record.
        package func reserve(of capacity: Int) -> Int {
            switch self {
            case .control: 0
            case .media, .feedback: capacity / 8
            case .stranger: capacity / 2
            }
        }
    }

    private static let longestControl = 2_048
    /// Two full turns of datagrams. The system commits it only as it is used.
    private static let mediaCapacity = 256 * 1_024
    private static let prefix = 8

    /// Records, each behind its length in two bytes.
    private var control: [UInt8] = []
    /// Records in slots of whole 8 bytes, each behind its length and urgency.
    private let media: UnsafeMutableRawPointer
    private var mediaEnd = 0
    /// Records of media that found no room, here or in the ring.
    private(set) var dropped: UInt64 = 0

    init() { media = .allocate(byteCount: WorkerOutbox.mediaCapacity, alignment: 64) }

    deinit { media.deallocate() }

    var isEmpty: Bool { control.isEmpty && mediaEnd == 0 }

    /// Takes a record that must arrive.
    func tell(_ record: WorkerRecord) {
        withUnsafeTemporaryAllocation(byteCount: WorkerOutbox.longestControl, alignment: 8) { memory in
            var writer = ByteWriter(memory)
            record.write(into: &writer)
            precondition(!writer.overflowed, "what workers tell each other is short")
            control.append(UInt8(truncatingIfNeeded: writer.count >> 8))
            control.append(UInt8(truncatingIfNeeded: writer.count))
            control.append(contentsOf: writer.written)
        }
    }

    /// Takes a record that may be lost.
    func offer(_ record: WorkerRecord, _ urgency: Urgency = .media) {
        let start = mediaEnd &+ WorkerOutbox.prefix
        guard start <= WorkerOutbox.mediaCapacity else {
            dropped &+= 1
            return
        }
        var writer = ByteWriter(UnsafeMutableRawBufferPointer(start: media + start, count: WorkerOutbox.mediaCapacity &- start))
        record.write(into: &writer)
        guard !writer.overflowed else {
            dropped &+= 1
            return
        }
        media.storeBytes(of: UInt32(truncatingIfNeeded: writer.count), toByteOffset: mediaEnd, as: UInt32.self)
        media.storeBytes(of: urgency.rawValue, toByteOffset: mediaEnd &+ 4, as: UInt8.self)
        mediaEnd = start &+ (writer.count &+ 7) & ~7
    }

    /// Hands everything to `push`, which says whether it has taken a record.
    func flush(_ push: (UnsafeRawBufferPointer, Urgency) -> Bool) {
        flushControl(push)
        var at = 0
        while at < mediaEnd {
            let length = Int(media.load(fromByteOffset: at, as: UInt32.self))
            let urgency = Urgency(rawValue: media.load(fromByteOffset: at &+ 4, as: UInt8.self)) ?? .stranger
            let record = UnsafeRawBufferPointer(start: media + at + WorkerOutbox.prefix, count: length)
            if !push(record, urgency) { dropped &+= 1 }
            at = at &+ WorkerOutbox.prefix &+ (length &+ 7) & ~7
        }
        mediaEnd = 0
    }

    private func flushControl(_ push: (UnsafeRawBufferPointer, Urgency) -> Bool) {
        guard !control.isEmpty else { return }
        var at = 0
        control.withUnsafeBytes { bytes in
            while at < bytes.count {
                let length = Int(bytes[at]) << 8 | Int(bytes[at &+ 1])
                guard push(UnsafeRawBufferPointer(rebasing: bytes[(at &+ 2)..<(at &+ 2 &+ length)]), .control) else { break }
                at = at &+ 2 &+ length
            }
        }
        if at == control.count { control.removeAll(keepingCapacity: true) } else { control.removeFirst(at) }
    }
}
