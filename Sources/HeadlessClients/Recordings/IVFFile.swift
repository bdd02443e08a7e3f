import MediaPrimitives
import RTP

/// Coded pictures in the container of libvpx's tools: a header, and then of each frame its length, its time and its bytes. All numbers are
/// little-endian.
///
///      0 "DKIF"               4 version: 0      6 length of the header: 32
///      8 codec ("VP80" …)    12 width          14 height
///     16 units of time in so many seconds (20); 24 number of frames, which writers often leave wrong
///     frame: 0 length         4 time, 8 bytes  12 its bytes
package struct IVFFile: Sendable {
    package struct Frame: Hashable, Sendable {
        /// Where its bytes lie in the file; never empty.
        package var bytes: Range<Int>
        /// From the first frame.
        package var time: Interval
    }

    package private(set) var codec: Codec
    /// In pixels, as the header says.
    package private(set) var width: UInt16
    package private(set) var height: UInt16
    /// In order of time; never empty.
    package private(set) var frames: [Frame] = []

    private static let headerLength = 32
    private static let frameHeaderLength = 12
    private static let codecs: [UInt32: Codec] = [0x5650_3830: .vp8, 0x5650_3930: .vp9, 0x4156_3031: .av1, 0x4832_3634: .h264]

    /// Reads a whole file.
    package init(_ bytes: RawSpan) throws(RecordingError) {
        guard bytes.byteCount <= RecordingLimits.size else { throw RecordingError.tooLarge }
        guard bytes.uint32(at: 0) == 0x444b_4946, bytes.byteCount >= IVFFile.headerLength else {
            throw RecordingError("is no IVF file: it does not begin with DKIF and a header of 32 bytes")
        }
        guard bytes.uint16(at: 4) == 0, bytes.uint16(at: 6)?.byteSwapped == 32 else { throw RecordingError("is IVF of an unknown version") }
        guard let name = bytes.uint32(at: 8), let codec = IVFFile.codecs[name] else {
            throw RecordingError("has a codec that is not known: VP80, VP90, AV01 and H264 are")
        }
        self.codec = codec
        width = (bytes.uint16(at: 12) ?? 0).byteSwapped
        height = (bytes.uint16(at: 14) ?? 0).byteSwapped
        let units = UInt64((bytes.uint32(at: 16) ?? 0).byteSwapped)
        let seconds = UInt64((bytes.uint32(at: 20) ?? 0).byteSwapped)
        guard units > 0, seconds > 0 else { throw RecordingError("has no unit of time") }
        try readFrames(bytes, units: units, seconds: seconds)
    }

    private mutating func readFrames(_ bytes: RawSpan, units: UInt64, seconds: UInt64) throws(RecordingError) {
        var at = IVFFile.headerLength
        var first: UInt64?
        while at < bytes.byteCount {
            let start = at &+ IVFFile.frameHeaderLength
            guard let length = bytes.uint32(at: at).map({ Int($0.byteSwapped) }), let written = bytes.uint64(at: at &+ 4)?.byteSwapped,
                length <= bytes.byteCount &- start
            else { throw RecordingError("ends in the middle of frame \(frames.count)") }
            guard length > 0 else { throw RecordingError("has an empty frame, number \(frames.count)") }
            guard frames.count < RecordingLimits.count else { throw RecordingError("has more than \(RecordingLimits.count) frames") }
            let time = try IVFFile.time(written, since: first ?? written, units: units, seconds: seconds)
            if let last = frames.last {
                guard time > last.time else { throw RecordingError("has times that do not rise, at frame \(frames.count)") }
                guard time - last.time <= RecordingLimits.longestInterval else {
                    throw RecordingError("has a hole of more than \(RecordingLimits.longestInterval.seconds) s, at frame \(frames.count)")
                }
            }
            first = first ?? written
            frames.append(Frame(bytes: start..<(start &+ length), time: time))
            at = start &+ length
        }
        guard !frames.isEmpty else { throw RecordingError("has no frames") }
    }

    private static func time(_ written: UInt64, since first: UInt64, units: UInt64, seconds: UInt64) throws(RecordingError) -> Interval {
        let (product, overflow) = (written &- first).multipliedReportingOverflow(by: seconds)
        guard written >= first else { throw RecordingError("has times that do not rise") }
        guard !overflow, product / units <= UInt64(RecordingLimits.length.nanoseconds / 1_000_000_000) else { throw RecordingError.tooLong }
        return Interval(nanoseconds: Int64(product / units * 1_000_000_000 + product % units * 1_000_000_000 / units))
    }
}

extension RecordingError {
    static let tooLarge = RecordingError("is larger than \(RecordingLimits.size >> 20) MiB")
    static let tooLong = RecordingError("is longer than \(Int(RecordingLimits.length.seconds)) s")
}
