import HeadlessClients
import LoadTest
import MediaPrimitives
import MediaSecurity
import RTP
import Testing

@Suite("Sending recordings, and checking them")
struct RecordedSendingTests {
    private static let start = Instant(nanoseconds: 0)

    private static func hash(_ payload: [UInt8]) -> UInt64 { RecordedPacket.hash(payload.span.bytes) }

    private func stream(_ codec: Codec = .vp8) -> PublishedStream {
        PublishedStream(
            codec: CodecParameters(codec: codec, payloadType: 96), mid: "0", rid: nil, firstSequence: 0, firstTimestamp: 0,
            clockSkew: .zero, wallClock: WallClock(instant: Self.start, unixNanoseconds: 0), origin: Self.start, entropy: .seeded(1))
    }

    private func camera(_ recording: VideoRecording, _ log: SentLog, isPaced: Bool = false) -> VideoSource {
        VideoSource(
            stream: stream(recording.codec), source: log.source, layer: log.layer, content: .recorded(recording, isPaced: isPaced),
            log: log, at: Self.start, entropy: .seeded(2))
    }

    /// Drives a camera as a loop does, at its own deadlines, until `end`.
    private func run(_ camera: VideoSource, until end: Instant, _ transport: ClientTransport) {
        while camera.nextDeadline < end {
            camera.handleTimeout(at: camera.nextDeadline, over: transport, into: DatagramBatch(capacity: 64))
        }
    }

    /// What has been sent, first to last.
    private func entries(_ log: SentLog, _ recording: VideoRecording, _ stream: PublishedStream) -> [SentLog.Entry] {
        (0..<stream.packets).compactMap { ordinal in
            recording.packets.lazy.compactMap { log.entry(ordinal, hash: $0.hash) }.first
        }
    }

    @Test("a file's frames leave at its own times, all of them, and it begins anew at its end")
    func looping() throws {
        let file = RecordingFiles.ivf(
            "VP80", units: 1_000,
            [(0, true), (40, false), (50, false), (130, false)].map { time, isKeyframe in
                (time, RecordingFiles.frame(.vp8, isKeyframe: isKeyframe, length: 1_500, seed: time))
            })
        let recording = try VideoRecording(file.span.bytes)
        let log = SentLog(kind: .video, source: 3, layer: 1)
        let camera = camera(recording, log)
        run(camera, until: Self.start + .milliseconds(420), try LoneTransport.make())
        let sent = entries(log, recording, camera.stream)
        #expect(sent.count == Int(camera.stream.packets))
        // The last frame stays as long as the one before it.
        let milliseconds: [Int64] = [0, 40, 50, 130, 210, 250, 260, 340]
        #expect(sent.filter { $0.stamp.index == 0 }.map(\.stamp.captured.nanoseconds) == milliseconds.map { $0 * 1_000_000 })
        #expect(sent.map(\.stamp.index) == Array(repeating: [0, 1], count: 8).flatMap(\.self))
        #expect(sent.map(\.stamp.frame) == (0..<8).flatMap { [$0, $0] })
        #expect(sent.filter { $0.stamp.isKeyframe }.map(\.stamp.frame) == [0, 0, 4, 4])
        #expect(sent.allSatisfy { $0.stamp.source == 3 && $0.stamp.layer == 1 && $0.sent == $0.stamp.captured })
        #expect(camera.keyframes == 2)
    }

    @Test("paced, a frame's packets leave over two fifths of the time until the next")
    func pacing() throws {
        let recording = try RecordingFiles.recording(.av1, length: 4_000)
        let log = SentLog(kind: .video, source: 0, layer: 0)
        let camera = camera(recording, log, isPaced: true)
        run(camera, until: Self.start + .milliseconds(33), try LoneTransport.make())
        let sent = entries(log, recording, camera.stream)
        #expect(sent.map { Int($0.sent.nanoseconds / 100_000) } == [0, 33, 66, 99])
        #expect(Set(sent.map(\.stamp.captured)) == [Self.start])
    }

    @Test("where a keyframe is asked for it goes on with the next one of the file, and after a pause, too")
    func keyframeRequests() throws {
        let recording = try RecordingFiles.recording(.vp8, length: 50)
        let log = SentLog(kind: .video, source: 0, layer: 0)
        let camera = camera(recording, log)
        let transport = try LoneTransport.make()
        run(camera, until: Self.start + .milliseconds(150), transport)
        #expect(camera.stream.packets == 5 && camera.keyframes == 1)
        camera.requestKeyframe(at: Self.start + .milliseconds(150))
        // Not within 300 ms of the last.
        run(camera, until: Self.start + .milliseconds(280), transport)
        #expect(camera.keyframes == 1)
        run(camera, until: Self.start + .milliseconds(310), transport)
        #expect(camera.keyframes == 2)
        #expect(log.newest(recording.packets[10].hash)?.stamp.frame == 9, "the tenth frame that is sent is the file's second keyframe")
        camera.isPaused = true
        run(camera, until: Self.start + .milliseconds(410), transport)
        #expect(camera.stream.packets == 10)
        camera.isPaused = false
        run(camera, until: Self.start + .milliseconds(440), transport)
        #expect(log.newest(recording.packets[20].hash)?.stamp.frame == 10)
    }

    @Test("a file that was not sent for a while goes on where it was, for every frame refers to the one before")
    func lateness() throws {
        let recording = try RecordingFiles.recording(.vp8, length: 50)
        let log = SentLog(kind: .video, source: 0, layer: 0)
        let camera = camera(recording, log)
        let transport = try LoneTransport.make()
        camera.handleTimeout(at: Self.start + .seconds(5), over: transport, into: DatagramBatch(capacity: 64))
        #expect(camera.stream.packets == 1)
        camera.handleTimeout(at: Self.start + .milliseconds(5_090), over: transport, into: DatagramBatch(capacity: 64))
        #expect(camera.stream.packets == 3)
        camera.handleTimeout(at: Self.start + .seconds(7), over: transport, into: DatagramBatch(capacity: 64))
        #expect(entries(log, recording, camera.stream).map(\.hash) == recording.packets[..<4].map(\.hash))
    }

    @Test("a microphone plays a file's packets at their durations, and sends a packet without sound in it when nobody speaks")
    func sound() throws {
        // 20 ms, 10 ms, 60 ms.
        let packets = [[0xfc, 1, 1], [0xf4, 2, 2], [0x1c, 3, 3]] as [[UInt8]]
        let file = RecordingFiles.ogg([RecordingFiles.opusHead, RecordingFiles.opusTags] + packets)
        let recording = try AudioRecording(file.span.bytes)
        let log = SentLog(kind: .audio, source: 5, layer: 0)
        let microphone = AudioSource(stream: stream(.opus), source: 5, recording: recording, log: log, at: Self.start)
        let transport = try LoneTransport.make()
        func run(until end: Int64) {
            while microphone.nextDeadline < Self.start + .milliseconds(end) {
                microphone.handleTimeout(at: microphone.nextDeadline, over: transport, into: DatagramBatch(capacity: 64))
            }
        }
        run(until: 180)
        #expect(microphone.stream.packets == 6)
        for ordinal in 0..<6 {
            let entry = try #require(log.entry(UInt32(ordinal), hash: Self.hash(packets[ordinal % 3])))
            #expect(entry.sent == Self.start + .milliseconds([0, 20, 30, 90, 110, 120][ordinal]))
        }
        microphone.isSilent = true
        run(until: 1_800)
        #expect(microphone.stream.packets == 9)
        let silence = log.newest(Self.hash([0xfc]))
        #expect(silence?.stamp.layer == 127 && silence?.stamp.ordinal == 6)
    }

    // MARK: Checking

    private static func entry(
        _ packet: [UInt8], _ ordinal: UInt32, source: UInt16 = 1, frame: UInt32? = nil, index: Int = 0, count: Int = 1,
        isKeyframe: Bool = false, at milliseconds: Int64 = 0
    ) -> SentLog.Entry {
        SentLog.Entry(
            hash: Self.hash(packet),
            stamp: PayloadStamp(
                source: source, layer: 0, isKeyframe: isKeyframe, frame: frame ?? ordinal, index: index, count: count, ordinal: ordinal,
                captured: start + .milliseconds(milliseconds)), sent: start + .milliseconds(milliseconds))
    }

    private static func log(_ recordings: SentRecordings, source: UInt16 = 1, kind: MediaKind = .video) -> SentLog {
        let log = SentLog(kind: kind, source: source, layer: 0)
        recordings.add(log)
        return log
    }

    @Test("a payload is known by all of its bytes", arguments: [1, 7, 8, 9, 200])
    func hashes(length: Int) {
        let payload = RecordingFiles.noise(length, seed: 1)
        let hash = Self.hash(payload)
        for at in payload.indices {
            for bit in 0..<8 {
                var changed = payload
                changed[at] ^= 1 << bit
                #expect(Self.hash(changed) != hash)
            }
        }
        #expect(Self.hash(payload + [0]) != hash)
        #expect(Self.hash([0] + payload) != hash)
        #expect(Self.hash(Array(payload.dropLast())) != hash)
    }

    @Test("packets that are alike are told apart by their numbers, and what was not sent is unknown")
    func likeness() {
        let recordings = SentRecordings()
        let log = Self.log(recordings)
        let (silence, speech) = ([1, 2, 3] as [UInt8], [4, 5, 6] as [UInt8])
        for ordinal in 0..<10 as Range<UInt32> {
            log.note(Self.entry(ordinal == 4 ? speech : silence, ordinal, at: Int64(ordinal)))
        }
        var reader = RecordingReader(recordings, kind: .video, from: nil)
        func ordinal(_ payload: [UInt8], _ sequence: Int64) -> UInt32? {
            reader.read(.h264, payload.span.bytes, sequence: sequence, at: Self.start + .seconds(1))?.stamp.ordinal
        }
        #expect(ordinal(speech, 104) == 4)
        #expect(ordinal(silence, 105) == 5)
        #expect(ordinal(silence, 107) == 7)
        #expect(ordinal(silence, 101) == 1, "one that is late")
        #expect(ordinal(speech, 103) == 4, "numbers may jump, as where layers are left out")
        #expect(ordinal(silence, 200) == 9, "then it is the last that was alike")
        #expect(ordinal([9, 9, 9], 201) == nil)
        #expect(ordinal([1, 2], 201) == nil)
    }

    @Test("of several who send the same file it is the one that signalling tells, or the last who has sent it")
    func publishers() {
        let recordings = SentRecordings()
        for source in 1...3 as ClosedRange<UInt16> {
            Self.log(recordings, source: source).note(Self.entry([1, 2, 3], 0, source: source, at: 10 * Int64(source)))
            Self.log(recordings, source: source, kind: .audio).note(Self.entry([7], 0, source: source, at: 10 * Int64(source)))
        }
        func source(_ payload: [UInt8], expected: UInt16?, at milliseconds: Int64) -> UInt16? {
            var reader = RecordingReader(recordings, kind: .video, from: expected)
            return reader.read(.h264, payload.span.bytes, sequence: 0, at: Self.start + .milliseconds(milliseconds))?.stamp.source
        }
        #expect(source([1, 2, 3], expected: nil, at: 25) == 2)
        #expect(source([1, 2, 3], expected: nil, at: 35) == 3)
        #expect(source([1, 2, 3], expected: 1, at: 35) == 1)
        #expect(source([1, 2, 3], expected: 4, at: 35) == nil)
        #expect(source([1, 2, 3], expected: nil, at: 5) == nil, "nobody had sent it then")
        #expect(source([7], expected: nil, at: 35) == nil, "that is sound")
    }

    @Test("the log is bounded, and what fell out of it is unknown")
    func bounds() {
        let log = SentLog(kind: .video, source: 1, layer: 0)
        for ordinal in 0...UInt32(SentLog.capacity) {
            log.note(Self.entry([UInt8(truncatingIfNeeded: ordinal), UInt8(ordinal >> 8)], ordinal))
        }
        #expect(log.newest(Self.hash([0, 0])) == nil)
        #expect(log.newest(Self.hash([1, 0]))?.stamp.ordinal == 1)
        #expect(log.newest(Self.hash([0, 16]))?.stamp.ordinal == UInt32(SentLog.capacity))
    }

    @Test("descriptors that a forwarder rewrites do not count, and what they must say does", arguments: [Codec.vp8, .vp9])
    func descriptors(codec: Codec) {
        let recordings = SentRecordings()
        let body = RecordingFiles.frame(codec, isKeyframe: true, length: 40, seed: 1)
        let log = Self.log(recordings)
        log.note(Self.entry(body, 0, count: 2, isKeyframe: true))
        func isKnown(_ descriptor: [UInt8]) -> Bool {
            var reader = RecordingReader(recordings, kind: .video, from: nil)
            return reader.read(codec, (descriptor + body).span.bytes, sequence: 0, at: Self.start) != nil
        }
        if codec == .vp8 {
            #expect(isKnown([0x90, 0xf0, 0x80, 1, 2, 3]))
            #expect(isKnown([0x90, 0xf0, 0xff, 9, 8, 7]))
            #expect(isKnown([0x10]))
            #expect(!isKnown([0x80, 0xf0, 0x80, 1, 2, 3]), "S is lost")
        } else {
            #expect(isKnown([0x89, 0x80, 1]))
            #expect(isKnown([0x8b, 0x80, 1, 0x10, 2, 0x80, 1, 0x68]))
            #expect(!isKnown([0xc9, 0x80, 1]), "P on a keyframe")
            #expect(!isKnown([0x8d, 0x80, 1]), "E, and another packet follows")
            #expect(!isKnown([0x81, 0x80, 1]), "B is lost")
        }
    }

    @Test("a receiver that verifies knows what is recorded, how late it is, and when a byte of it is another")
    func receiving() throws {
        let parameters = RTPParameters(
            mid: "0", kind: .video, codecs: [CodecParameters(codec: .h264, payloadType: 96)], extensions: HeaderExtensionMap(),
            streams: [.init(ssrc: SSRC(7))])
        let recording = try RecordingFiles.recording(.h264)
        let recordings = SentRecordings()
        let log = Self.log(recordings)
        let camera = camera(recording, log)
        run(camera, until: Self.start + .milliseconds(900), try LoneTransport.make())
        var instants: [Instant] = []
        /// What the track makes of all that was sent, each packet 5 ms after its sending, after `change`.
        func play(_ change: (Int, [UInt8]) -> [UInt8]?) throws -> (TrackOutcome, Histogram) {
            let track = try #require(ReceivedTrack(parameters, trackID: nil, verifies: true, recordings: recordings))
            var (delays, switches) = (Histogram(), Histogram())
            instants = []
            for ordinal in 0..<Int(camera.stream.packets) {
                let packet = try #require(recording.packets.first { log.entry(UInt32(ordinal), hash: $0.hash) != nil })
                let entry = try #require(log.entry(UInt32(ordinal), hash: packet.hash))
                instants.append(entry.sent)
                guard let payload = change(ordinal, packet.bytes) else { continue }
                let header = OutgoingHeader(
                    payloadType: 96, marker: entry.stamp.index + 1 == entry.stamp.count,
                    sequenceNumber: SequenceNumber(UInt16(truncatingIfNeeded: 65_500 + ordinal)),
                    timestamp: UInt32(entry.stamp.captured.nanoseconds * 9 / 100_000), ssrc: SSRC(7))
                let bytes = try #require(
                    ByteWriter.array { writer in
                        _ = header.write(into: &writer, HeaderExtensionMap())
                        writer.bytes(payload)
                    })
                let parsed = RTPHeader.parse(bytes.span.bytes)
                track.read(
                    bytes.span.bytes, try #require(parsed), HeaderExtensionValues(), at: entry.sent + .milliseconds(5), delays: &delays,
                    switches: &switches)
            }
            return (track.outcome(), delays)
        }
        let (whole, delays) = try play { $1 }
        #expect(whole.faults.isEmpty && whole.received == UInt64(camera.stream.packets) && whole.received > 60)
        #expect(whole.last?.source == 1 && whole.last?.ordinal == UInt64(camera.stream.packets) - 1)
        #expect(delays.percentile(0) >= .milliseconds(5) && delays.maximum < .milliseconds(6))
        // Not of what had left before anything came.
        let late = instants.count { $0 >= instants[0] + .milliseconds(5) }
        #expect(delays.count == late && late < whole.received && late > 50, "\(delays.count) of \(whole.received), \(late)")
        let (changed, _) = try play { ordinal, payload in ordinal == 40 ? payload.dropLast() + [payload[payload.count - 1] ^ 1] : payload }
        #expect(changed.faults.contains { $0.contains("is not what was published") })
        let (exchanged, _) = try play { ordinal, payload in ordinal == 40 ? recording.packets[3].bytes : payload }
        #expect(!exchanged.faults.isEmpty, "another frame's packet")
    }
}

/// A transport that never finds anybody.
enum LoneTransport {
    static func make() throws -> ClientTransport {
        let certificate = try Certificate.generate()
        let parameters = TransportParameters(
            local: ICECredentials(ufrag: "aaaa", password: "0123456789012345678901"),
            remote: ICECredentials(ufrag: "bbbb", password: "0123456789012345678901"), fingerprints: [certificate.fingerprint],
            role: .client)
        let path = Path(local: SocketAddress(ipv4: 1, port: 1), remote: SocketAddress(ipv4: 2, port: 2))
        return ClientTransport(
            parameters, certificate: certificate, profiles: SRTPProfile.allCases, path: path, extensions: HeaderExtensionMap(),
            at: Instant(nanoseconds: 0), entropy: .seeded(2))
    }
}
