import HeadlessClients
import MediaPrimitives
import RTP
import Testing

/// Writes what the tests read.
enum RecordingFiles {
    static func little(_ value: UInt64, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }

    /// Frames with their times, of which `units` make `seconds`.
    static func ivf(_ name: String, units: UInt64 = 30, seconds: UInt64 = 1, _ frames: [(time: UInt64, bytes: [UInt8])]) -> [UInt8] {
        var file = Array("DKIF".utf8) + little(0, 2) + little(32, 2) + Array(name.utf8) + little(640, 2) + little(360, 2)
        file += little(units, 4) + little(seconds, 4) + little(UInt64(frames.count), 4) + little(0, 4)
        for frame in frames { file += little(UInt64(frame.bytes.count), 4) + little(frame.time, 8) + frame.bytes }
        return file
    }

    /// Bytes without a zero among them, of which no part is repeated soon.
    static func noise(_ count: Int, seed: UInt64) -> [UInt8] {
        let entropy = Entropy.seeded(seed)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: 1 + entropy.next() % 255) }
    }

    static let sequenceSet: [UInt8] = [0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x06, 0x7e, 0x78, 0x40]
    static let pictureSet: [UInt8] = [0x68, 0xce, 0x3c, 0x80]
    static let sequenceHeader: [UInt8] = [0x08, 0, 0, 0, 0x2d, 0x4c, 0xff, 0xb3, 0xc6, 0xaf, 0x98, 0x04]

    static func obu(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
        [type << 3 | 2] + [0, 7].map { 0x80 | UInt8(body.count >> $0 & 0x7f) } + [UInt8(body.count >> 14)] + body
    }

    /// A frame with `length` bytes of noise in it.
    static func frame(_ codec: Codec, isKeyframe: Bool, length: Int, seed: UInt64) -> [UInt8] {
        let body = noise(length, seed: seed)
        switch codec {
        case .vp8: return (isKeyframe ? [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01] : [0x11, 0, 0]) + body
        case .vp9: return (isKeyframe ? [0x82, 0x49, 0x83, 0x42] : [0x86]) + body
        case .h264:
            let start: [UInt8] = [0, 0, 0, 1]
            if !isKeyframe { return start + [0x41, 0x88] + body }
            return start + sequenceSet + start + pictureSet + [0, 0, 1, 0x65, 0x88] + body
        case .av1:
            if !isKeyframe { return obu(2, []) + obu(6, [0x30] + body) }
            return obu(2, []) + obu(1, sequenceHeader) + obu(6, [0x10] + body)
        case .opus, .red: return body
        }
    }

    static func name(_ codec: Codec) -> String {
        switch codec {
        case .vp8: "VP80"
        case .vp9: "VP90"
        case .h264: "H264"
        case .av1: "AV01"
        case .opus, .red: "OPUS"
        }
    }

    /// Thirty pictures a second, a keyframe every ten.
    static func recording(_ codec: Codec, frames: Int = 30, length: Int = 2_500, seed: UInt64 = 0) throws -> VideoRecording {
        let numbers: Range<UInt64> = 0..<UInt64(frames)
        let file = ivf(name(codec), numbers.map { ($0, frame(codec, isKeyframe: $0 % 10 == 0, length: length, seed: seed + $0)) })
        return try VideoRecording(file.span.bytes)
    }

    /// Packets in pages of so many lacing values.
    static func ogg(_ packets: [[UInt8]], lacingsPerPage: Int = 255, serial: UInt64 = 7) -> [UInt8] {
        var lacings: [(value: UInt8, bytes: ArraySlice<UInt8>)] = []
        for packet in packets {
            var rest = packet[...]
            while rest.count >= 255 {
                lacings.append((255, rest.prefix(255)))
                rest = rest.dropFirst(255)
            }
            lacings.append((UInt8(rest.count), rest))
        }
        var file: [UInt8] = []
        var isOpen = false
        for begin in stride(from: 0, to: lacings.count, by: lacingsPerPage) {
            let page = lacings[begin..<min(begin + lacingsPerPage, lacings.count)]
            file += Array("OggS".utf8) + [0, isOpen ? 1 : 0] + little(0, 8) + little(serial, 4) + little(0, 8) + [UInt8(page.count)]
            file += page.map(\.value) + page.flatMap(\.bytes)
            isOpen = page.last?.value == 255
        }
        return file
    }

    static let opusHead = Array("OpusHead".utf8) + [1, 2, 0x38, 1, 0x80, 0xbb, 0, 0, 0, 0, 0]
    static let opusTags = Array("OpusTags".utf8) + [0, 0, 0, 0, 0, 0, 0, 0]
}

@Suite("Recordings")
struct RecordingTests {
    // MARK: Containers

    @Test("an IVF file's frames have the times that it says, in whatever unit")
    func ivf() throws {
        let frames: [(UInt64, [UInt8])] = [(100, [1, 2]), (103, [3]), (109, [4, 5, 6])]
        for (units, seconds, unit) in [(UInt64(30), UInt64(1), 1.0 / 30), (90_000, 1, 1.0 / 90_000), (30_000, 1_001, 1_001.0 / 30_000)] {
            let bytes = RecordingFiles.ivf("VP80", units: units, seconds: seconds, frames)
            let file = try IVFFile(bytes.span.bytes)
            #expect(file.codec == .vp8 && file.width == 640 && file.height == 360)
            #expect(file.frames.map { Array(bytes[$0.bytes]) } == [[1, 2], [3], [4, 5, 6]])
            for (frame, time) in zip(file.frames, [0.0, 3, 9]) { #expect(abs(frame.time.seconds - time * unit) < 1e-8) }
        }
    }

    @Test("what is no IVF file that can be sent is refused with a sentence")
    func noIVF() throws {
        // The second frame's header is at 48, its time at 52.
        let file = RecordingFiles.ivf("VP80", [(5, [9, 9, 9, 9]), (6, [1, 2])])
        _ = try IVFFile(file.span.bytes)
        func replacing(_ at: Int, _ bytes: [UInt8]) -> [UInt8] { Array(file[..<at]) + bytes + file[(at + bytes.count)...] }
        let cases: [(String, [UInt8])] = [
            ("DKIF", []), ("DKIF", Array(file.dropFirst())), ("DKIF", Array(file.prefix(31))),
            ("middle of frame 1", Array(file.dropLast())), ("middle of frame 2", file + [1, 2, 3]),
            ("codec", replacing(8, Array("VP70".utf8))), ("version", replacing(4, [1])), ("unit of time", replacing(16, [0])),
            ("do not rise", replacing(52, [5])), ("do not rise", replacing(52, [4])), ("hole", replacing(52, [200])),
            ("longer", replacing(52, [0, 0, 0, 0, 0, 0, 0, 0x80])), ("no frames", Array(file.prefix(32))),
            ("empty frame", replacing(32, [0])), ("middle of frame 0", replacing(32, [0xff, 0xff, 0xff, 0xff])),
        ]
        for (sentence, bytes) in cases { Self.expectRefused(sentence) { () throws(RecordingError) in _ = try IVFFile(bytes.span.bytes) } }
    }

    private static func expectRefused(
        _ sentence: String, _ location: SourceLocation = #_sourceLocation, _ body: () throws(RecordingError) -> Void
    ) {
        do {
            try body()
            Issue.record("not refused, as for \(sentence)", sourceLocation: location)
        } catch { #expect(error.description.contains(sentence), sourceLocation: location) }
    }

    @Test("Opus packets come out of Ogg whole, however they lie in pages", arguments: [1, 2, 3, 7, 255])
    func ogg(lacingsPerPage: Int) throws {
        let sound = (0..<20).map { [0xfc] + RecordingFiles.noise([0, 40, 254, 255, 509, 510][$0 % 6], seed: UInt64($0)) }
        let bytes = RecordingFiles.ogg([RecordingFiles.opusHead, RecordingFiles.opusTags] + sound, lacingsPerPage: lacingsPerPage)
        let file = try OggOpusFile(bytes.span.bytes)
        #expect(file.channels == 2)
        #expect(file.packets.map(\.bytes) == sound)
        #expect(file.packets.allSatisfy { $0.duration == .milliseconds(20) })
    }

    @Test(
        "an Opus packet's first bytes say how long it plays",
        arguments: [
            ([0x00], 10_000), ([0x18], 60_000), ([0x19], 120_000), ([0x63], nil), ([0x63, 3], 30_000), ([0x80], 2_500), ([0xfc], 20_000),
            ([0xff, 0x86], 120_000), ([0xff, 7], nil), ([0xff, 0], nil), ([], nil),
        ] as [([UInt8], Int64?)])
    func durations(packet: [UInt8], microseconds: Int64?) {
        #expect(OggOpusFile.duration(of: packet.span.bytes) == microseconds.map { .microseconds($0) })
    }

    @Test("what is no Ogg file with Opus that can be sent is refused with a sentence")
    func noOgg() throws {
        let (head, tags, sound) = (RecordingFiles.opusHead, RecordingFiles.opusTags, [0xfc] + RecordingFiles.noise(600, seed: 1))
        let file = RecordingFiles.ogg([head, tags, sound])
        _ = try OggOpusFile(file.span.bytes)
        let surround = Array(head[..<9]) + [6] + head[10..<18] + [1]
        let cases: [(String, [UInt8])] = [
            ("OggS", []), ("OggS", RecordingFiles.ivf("VP80", [])), ("middle of a page", Array(file.dropLast())),
            ("no Ogg page", file + [1]), ("more than one stream", file + RecordingFiles.ogg([head, tags, sound], serial: 8)),
            ("not Opus", RecordingFiles.ogg([Array("vorbis".utf8), tags, sound])), ("comments", RecordingFiles.ogg([head, sound])),
            ("no sound", RecordingFiles.ogg([head, tags])), ("mapping family", RecordingFiles.ogg([surround, tags, sound])),
            ("3 channels", RecordingFiles.ogg([Array(head[..<9]) + [3] + head[10...], tags, sound])),
            ("no Opus packet", RecordingFiles.ogg([head, tags, [0xff, 0]])), ("no Opus packet", RecordingFiles.ogg([head, tags, []])),
            ("no datagram holds", RecordingFiles.ogg([head, tags, [0xfc] + RecordingFiles.noise(1_100, seed: 2)])),
            (
                "lacks a page",
                Array(RecordingFiles.ogg([head, tags, sound], lacingsPerPage: 3).dropLast(27 + 2 + 345 + 1))
                    + RecordingFiles.ogg([sound])
            ),
        ]
        for (sentence, bytes) in cases {
            Self.expectRefused(sentence) { () throws(RecordingError) in _ = try OggOpusFile(bytes.span.bytes) }
        }
    }

    @Test("frames that are none of their codec, or not to begin with, are refused", arguments: [Codec.vp8, .vp9, .h264, .av1])
    func noFrames(codec: Codec) {
        func refused(_ sentence: String, _ frames: [[UInt8]]) {
            let file = RecordingFiles.ivf(RecordingFiles.name(codec), frames.enumerated().map { (UInt64($0), $1) })
            Self.expectRefused(sentence) { () throws(RecordingError) in _ = try VideoRecording(file.span.bytes) }
        }
        let (key, delta) = (
            RecordingFiles.frame(codec, isKeyframe: true, length: 50, seed: 1),
            RecordingFiles.frame(codec, isKeyframe: false, length: 50, seed: 2)
        )
        refused("begin with a keyframe", [delta, key])
        refused("no \(codec.name), in frame 1", [key, codec == .vp8 ? [1] : codec == .av1 ? [0x80] : [0x00, 1, 2]])
        refused("KiB", [key, RecordingFiles.frame(codec, isKeyframe: false, length: 513 << 10, seed: 3)])
    }

    // MARK: Packets

    /// What a receiver makes of a frame's payloads: of VP8 and VP9 the bytes, of the others units without what frames them in a file.
    private func units(_ codec: Codec, _ payloads: [[UInt8]]) throws -> [[UInt8]] {
        switch codec {
        case .vp8, .vp9, .opus, .red: return [payloads.flatMap(\.self)]
        case .h264:
            var units: [[UInt8]] = []
            for payload in payloads {
                switch payload[0] & 0x1f {
                case 24:
                    var rest = payload.dropFirst()
                    while rest.count > 2 {
                        let length = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
                        units.append(Array(rest.dropFirst(2).prefix(length)))
                        rest = rest.dropFirst(2 + length)
                    }
                case 28:
                    if payload[1] & 0x80 != 0 { units.append([payload[0] & 0xe0 | payload[1] & 0x1f]) }
                    units[units.count - 1] += payload.dropFirst(2)
                default: units.append(payload)
                }
            }
            return units
        case .av1:
            var units: [[UInt8]] = []
            var isOpen = false
            for payload in payloads {
                #expect((payload[0] & 0x80 != 0) == isOpen, "Z says what Y said before")
                let declared = Int(payload[0] >> 4 & 3)
                var rest = payload.dropFirst()
                var element = 0
                while !rest.isEmpty {
                    element += 1
                    var length = rest.count
                    if declared == 0 || element < declared {
                        length = Int(rest.removeFirst())
                        if length & 0x80 != 0 { length = length & 0x7f | Int(rest.removeFirst()) << 7 }
                    }
                    if element == 1, isOpen {
                        units[units.count - 1] += rest.prefix(length)
                    } else {
                        units.append(Array(rest.prefix(length)))
                    }
                    rest = rest.dropFirst(length)
                }
                #expect(declared == 0 || element == declared)
                isOpen = payload[0] & 0x40 != 0
            }
            #expect(!isOpen)
            return units
        }
    }

    private func expected(_ codec: Codec, _ frame: [UInt8], isKeyframe: Bool) -> [[UInt8]] {
        switch codec {
        case .vp8, .vp9, .opus, .red: return [frame]
        case .h264:
            guard isKeyframe else { return [Array(frame.dropFirst(4))] }
            let slice = 4 + RecordingFiles.sequenceSet.count + 4 + RecordingFiles.pictureSet.count + 3
            return [RecordingFiles.sequenceSet, RecordingFiles.pictureSet, Array(frame[slice...])]
        case .av1:
            let header: [[UInt8]] = isKeyframe ? [[0x08] + RecordingFiles.sequenceHeader] : []
            let picture: [UInt8] = [0x30] + frame.dropFirst(isKeyframe ? 4 + 4 + 12 + 4 : 8)
            return header + [picture]
        }
    }

    @Test(
        "a frame's packets are of a size that passes, say where a keyframe begins, and are the frame again when they are put together",
        arguments: [Codec.vp8, .vp9, .h264, .av1])
    func cutting(codec: Codec) throws {
        for length in [1, 900, 1_070, 1_080, 1_090, 1_095, 1_097, 1_099, 1_100, 1_101, 2_200, 5_000, 20_000] {
            let recording = try RecordingFiles.recording(codec, frames: 2, length: length)
            for (number, frame) in recording.frames.enumerated() {
                let payloads = frame.packets.map { recording.packets[$0].bytes }
                #expect(payloads.allSatisfy { (1...1_100).contains($0.count) })
                #expect(payloads.count <= 2 + length / 1_000, "\(payloads.count) packets for \(length) bytes")
                #expect(frame.isKeyframe == (number == 0))
                let original = RecordingFiles.frame(codec, isKeyframe: number == 0, length: length, seed: UInt64(number))
                #expect(try units(codec, payloads) == expected(codec, original, isKeyframe: number == 0))
                for (index, payload) in payloads.enumerated() where codec == .h264 || codec == .av1 {
                    let descriptor = PayloadDescriptor.parse(codec: codec, payload: payload.span.bytes)
                    #expect(descriptor != .malformed)
                    if index == 0 { #expect(descriptor.isKeyframeStart == (number == 0) && descriptor.startsFrame) }
                    if number > 0 { #expect(!descriptor.isKeyframeStart) }
                }
            }
        }
    }

    @Test("a keyframe that comes without parameter sets is sent with those of before")
    func parameterSets() throws {
        let bare: [UInt8] = [0, 0, 1, 0x65, 0x88, 1, 2, 3]
        let file = RecordingFiles.ivf(
            "H264", [(0, RecordingFiles.frame(.h264, isKeyframe: true, length: 10, seed: 1)), (1, bare)])
        let recording = try VideoRecording(file.span.bytes)
        let payloads = recording.frames[1].packets.map { recording.packets[$0].bytes }
        #expect(try units(.h264, payloads) == [RecordingFiles.sequenceSet, RecordingFiles.pictureSet, [0x65, 0x88, 1, 2, 3]])
    }
}
