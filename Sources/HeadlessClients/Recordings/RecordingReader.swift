import MediaPrimitives
import RTP

/// Finds out what a packet of a recording was, from its payload: the stamp that it would have had, and when it was sent.
///
/// The same payload may have been sent more than once: by several publishers, each time the file began anew, and in one loop where frames are alike
/// (silence). The packet that follows the last one in number is the likeliest, then the last one of the same stream, then the last one of any.
package struct RecordingReader {
    private let recordings: SentRecordings
    private let kind: MediaKind
    /// Whose packets are expected; nil for anybody's.
    private let source: UInt16?
    private var log: SentLog?
    private var last: (sequence: Int64, ordinal: UInt32)?

    package init(_ recordings: SentRecordings, kind: MediaKind, from source: UInt16?) {
        self.recordings = recordings
        self.kind = kind
        self.source = source
    }

    /// Nil for a payload that was not sent, or that a descriptor stands before which was not.
    package mutating func read(_ codec: Codec, _ payload: RawSpan, sequence: Int64, at arrival: Instant) -> SentLog.Entry? {
        let descriptor = PayloadDescriptor.parse(codec: codec, payload: payload)
        let hash = RecordedPacket.hash(payload.extracting(RecordingReader.length(of: descriptor)...))
        guard let entry = find(hash, sequence: sequence, at: arrival), RecordingReader.agrees(descriptor, entry.stamp) else { return nil }
        last = (sequence, entry.stamp.ordinal)
        return entry
    }

    /// By how much the kernel's stamp of an arrival may be before the loop's of the sending.
    private static let slack = Interval.milliseconds(2)

    private mutating func find(_ hash: UInt64, sequence: Int64, at arrival: Instant) -> SentLog.Entry? {
        if let log {
            if let last, let entry = log.entry(last.ordinal &+ UInt32(truncatingIfNeeded: sequence &- last.sequence), hash: hash) {
                return entry
            }
            if let entry = log.newest(hash, by: arrival + RecordingReader.slack) { return entry }
        }
        var found: SentLog.Entry?
        for other in recordings.logs(of: kind, from: source) where other !== log {
            guard let entry = other.newest(hash, by: arrival + RecordingReader.slack) else { continue }
            if let found, found.sent >= entry.sent { continue }
            found = entry
            log = other
        }
        return found
    }

    private static func length(of descriptor: PayloadDescriptor) -> Int {
        switch descriptor {
        case .vp8(let vp8): vp8.length
        case .vp9(let vp9): vp9.length
        case .empty, .opaque, .redundant, .h264, .av1, .malformed: 0
        }
    }

    /// Whether the descriptor, which is no part of what is compared, says what the packet is.
    private static func agrees(_ descriptor: PayloadDescriptor, _ stamp: PayloadStamp) -> Bool {
        switch descriptor {
        case .vp8(let vp8): vp8.startsFrame == (stamp.index == 0) && vp8.isKeyframeStart == (stamp.isKeyframe && stamp.index == 0)
        case .vp9(let vp9):
            vp9.startsFrame == (stamp.index == 0) && vp9.endsFrame == (stamp.index == stamp.count - 1)
                && vp9.isKeyframeStart == (stamp.isKeyframe && stamp.index == 0)
        case .opaque, .redundant, .h264, .av1: true
        case .empty, .malformed: false
        }
    }
}

/// How a receiver knows what a packet was.
package enum PayloadReader {
    /// By the stamp in it.
    case stamps
    /// By what was sent.
    case recordings(RecordingReader)

    package init(_ recordings: SentRecordings?, kind: MediaKind, from source: UInt16?) {
        self = recordings.map { .recordings(RecordingReader($0, kind: kind, from: source)) } ?? .stamps
    }

    /// Nil for what was not published. `sequence` is the packet's unwrapped number.
    package mutating func read(
        _ codec: Codec, _ payload: RawSpan, sequence: Int64, at arrival: Instant
    ) -> (stamp: PayloadStamp, sent: Instant)? {
        switch self {
        case .stamps: return PayloadStamp.parse(codec, payload).map { ($0, $0.captured) }
        case .recordings(var reader):
            // Taken out, so that it is changed in its place.
            self = .stamps
            defer { self = .recordings(reader) }
            return reader.read(codec, payload, sequence: sequence, at: arrival).map { ($0.stamp, $0.sent) }
        }
    }
}
