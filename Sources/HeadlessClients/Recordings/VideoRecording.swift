import MediaPrimitives
import RTP

/// The pictures of a file, cut into packets once for all who send them. It begins with a keyframe.
package final class VideoRecording: Sendable {
    package struct Frame: Sendable {
        package var isKeyframe: Bool
        /// Never empty.
        package var packets: Range<Int>
        /// The time until the next frame; of the last frame, as long as that before it had.
        package var interval: Interval
    }

    package let codec: Codec
    package let width: UInt16
    package let height: UInt16
    package let frames: [Frame]
    package let packets: [RecordedPacket]

    /// In bytes, of one frame.
    private static let largestFrame = 512 << 10
    /// Where there is but one frame.
    private static let usualInterval = Interval.microseconds(33_333)

    package init(_ bytes: RawSpan) throws(RecordingError) {
        let file = try IVFFile(bytes)
        codec = file.codec
        width = file.width
        height = file.height
        var cutter = FrameCutter(file.codec)
        var frames: [Frame] = []
        var packets: [RecordedPacket] = []
        var interval = VideoRecording.usualInterval
        for (number, frame) in file.frames.enumerated() {
            guard frame.bytes.count <= VideoRecording.largestFrame else {
                throw RecordingError("has a frame of more than \(VideoRecording.largestFrame >> 10) KiB, number \(number)")
            }
            guard let cut = cutter.cut(bytes.array(frame.bytes)), !cut.payloads.isEmpty else {
                throw RecordingError("has something that is no \(file.codec.name), in frame \(number)")
            }
            guard number > 0 || cut.isKeyframe else { throw RecordingError("does not begin with a keyframe") }
            if number + 1 < file.frames.count { interval = file.frames[number + 1].time - frame.time }
            let begin = packets.count
            packets += cut.payloads.map { RecordedPacket($0) }
            frames.append(Frame(isKeyframe: cut.isKeyframe, packets: begin..<packets.count, interval: interval))
        }
        self.frames = frames
        self.packets = packets
    }

    /// The first keyframe from `frame` on; behind the last it goes on at the beginning.
    func keyframe(from frame: Int) -> Int { frames[frame...].firstIndex { $0.isKeyframe } ?? 0 }

    /// Of payload, keyframes included.
    package var bitsPerSecond: Int {
        let bits = packets.reduce(0) { $0 + 8 * $1.bytes.count }
        let length = frames.reduce(Interval.zero) { $0 + $1.interval }
        return Int(Double(bits) / max(0.001, length.seconds))
    }

    /// Two files with the same pictures could not be told apart by who receives them.
    package func isSame(as other: VideoRecording) -> Bool { packets.map(\.hash) == other.packets.map(\.hash) }
}

/// The sound of a file.
package final class AudioRecording: Sendable {
    package let packets: [RecordedPacket]
    /// What each plays.
    package let durations: [Interval]

    package init(_ bytes: RawSpan) throws(RecordingError) {
        let file = try OggOpusFile(bytes)
        packets = file.packets.map { RecordedPacket($0.bytes) }
        durations = file.packets.map(\.duration)
    }
}
