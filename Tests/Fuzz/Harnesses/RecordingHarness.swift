import HeadlessClients
import MediaPrimitives
import RTP

/// Files that a load test is to publish: containers, and what frames are cut into.
enum RecordingHarness {
    static func runIVF(_ input: UnsafeRawBufferPointer) throws(Finding) {
        let recording: VideoRecording
        do throws(RecordingError) {
            recording = try VideoRecording(input.bytes)
        } catch { return try expect(!error.description.isEmpty, "refused without a word") }
        try expect(recording.frames.first?.isKeyframe == true, "it does not begin with a keyframe")
        var next = 0
        for frame in recording.frames {
            try expect(frame.packets.lowerBound == next && !frame.packets.isEmpty, "packets that belong to no frame")
            try expect(frame.interval > .zero && frame.interval <= .seconds(5), "a frame of \(frame.interval.seconds) s")
            next = frame.packets.upperBound
        }
        try expect(recording.packets.count == next, "packets behind the last frame")
        for packet in recording.packets {
            try expect((1...1_100).contains(packet.bytes.count), "a packet of \(packet.bytes.count) bytes")
            try expect(packet.hash == RecordedPacket.hash(packet.bytes.span.bytes), "another hash")
            // What is cut is what a forwarder reads.
            guard recording.codec == .h264 || recording.codec == .av1 else { continue }
            try expect(PayloadDescriptor.parse(codec: recording.codec, payload: packet.bytes.span.bytes) != .malformed, "malformed")
        }
        _ = recording.bitsPerSecond
        let first = recording.packets[0].bytes
        try PlantedBug.check(first.span.bytes.uint32(at: 12))
    }

    static func runOgg(_ input: UnsafeRawBufferPointer) throws(Finding) {
        let file: OggOpusFile
        do throws(RecordingError) {
            file = try OggOpusFile(input.bytes)
        } catch { return try expect(!error.description.isEmpty, "refused without a word") }
        try expect((1...2).contains(file.channels), "\(file.channels) channels")
        try expect(!file.packets.isEmpty, "no packets")
        for packet in file.packets {
            try expect((1...1_100).contains(packet.bytes.count), "a packet of \(packet.bytes.count) bytes")
            try expect(packet.duration >= .microseconds(2_500) && packet.duration <= .milliseconds(120), "\(packet.duration.seconds) s")
        }
        let first = file.packets[0].bytes
        try PlantedBug.check(first.span.bytes.uint32(at: 1))
    }
}
