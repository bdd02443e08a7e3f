import MediaPrimitives

/// Why a file cannot be sent: a sentence that goes on behind the file's name.
package struct RecordingError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ sentence: String) { description = sentence }
}

/// What a file may be. All of it is held in memory, once for all who send it.
package enum RecordingLimits {
    /// In bytes.
    package static let size = 128 << 20
    package static let length = Interval.seconds(3_600)
    /// Frames of a picture, and packets of sound.
    static let count = 200_000
    /// Between two frames: more is a hole, and who watches would wait for it.
    static let longestInterval = Interval.seconds(5)
}
