import MediaPrimitives
import RTP

/// What a camera sends.
package enum VideoContent: Sendable {
    case synthetic(VideoShape)
    /// A file's pictures at the file's own times, over and over; with `isPaced` a frame's packets are spread over most of the time until the next.
    case recorded(VideoRecording, isPaced: Bool)

    package var width: UInt16 {
        switch self {
        case .synthetic(let shape): shape.width
        case .recorded(let recording, _): recording.width
        }
    }

    package var height: UInt16 {
        switch self {
        case .synthetic(let shape): shape.height
        case .recorded(let recording, _): recording.height
        }
    }

    /// Of payload.
    package var bitsPerSecond: Int {
        switch self {
        case .synthetic(let shape): shape.bitsPerSecond
        case .recorded(let recording, _): recording.bitsPerSecond
        }
    }
}

/// How a frame of a recording goes out: its place in the file, and the numbers that a descriptor before its payloads has.
struct RecordedPicture {
    var recording: VideoRecording
    var frame: VideoRecording.Frame
    var pictureID: UInt16
    var tl0PicIdx: UInt8
    var keyIndex: UInt8

    var count: Int { frame.packets.count }

    func packet(_ index: Int) -> RecordedPacket { recording.packets[frame.packets.lowerBound + index] }

    /// What goes out: of VP8 (RFC 7741 §4.2) and VP9 (RFC 9628 §4.2, without layers) with a descriptor.
    func payload(_ index: Int) -> [UInt8] {
        let bytes = packet(index).bytes
        switch recording.codec {
        case .vp8:
            return [
                0x80 | (index == 0 ? 0x10 : 0), 0xf0, 0x80 | UInt8(pictureID >> 8), UInt8(truncatingIfNeeded: pictureID), tl0PicIdx,
                keyIndex & 0x1f,
            ] + bytes
        case .vp9:
            let hasStructure = index == 0 && frame.isKeyframe
            var descriptor: [UInt8] = [
                0x81 | (frame.isKeyframe ? 0 : 0x40) | (index == 0 ? 0x08 : 0) | (index == count - 1 ? 0x04 : 0)
                    | (hasStructure ? 0x02 : 0),
                0x80 | UInt8(pictureID >> 8), UInt8(truncatingIfNeeded: pictureID),
            ]
            if hasStructure {
                descriptor.append(0x10)
                for side in [recording.width, recording.height] {
                    descriptor += [UInt8(side >> 8), UInt8(truncatingIfNeeded: side)]
                }
            }
            return descriptor + bytes
        case .h264, .av1, .opus, .red: return bytes
        }
    }
}
