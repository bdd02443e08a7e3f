import HeadlessClients
import LoadTest
import MediaPrimitives
import RTP
import Testing

@Suite("What a load test measures")
struct MeasuringTests {
    @Test("percentiles are never below the truth, and at most an eighth above it")
    func percentiles() {
        var histogram = Histogram()
        #expect(histogram.percentile(99) == .zero)
        for milliseconds in 1...1_000 { histogram.add(.milliseconds(Int64(milliseconds))) }
        for (percent, truth) in [(1.0, 10.0), (50, 500), (90, 900), (99, 990), (100, 1_000)] {
            let found = histogram.percentile(percent).milliseconds
            #expect(found >= truth && found <= truth * 1.126, "p\(percent) is \(found) ms")
        }
        #expect(histogram.maximum == .milliseconds(1_000))
        histogram.add(.milliseconds(-5))
        #expect(histogram.percentile(0) <= .microseconds(1))
        histogram.add(Interval(nanoseconds: .max))
        #expect(histogram.count == 1_002)
    }

    @Test(
        "a server's address is a host and a port",
        arguments: [
            ("http://localhost:7880", "localhost:7880", ""), ("ws://sfu.example.org", "sfu.example.org:80", ""),
            ("http://[::1]:7880/sfu/", "[::1]:7880", "/sfu"), ("HTTP://10.0.0.1:1", "10.0.0.1:1", ""),
            ("https://a:1", "a:1", ""), ("wss://sfu.example.org/x", "sfu.example.org:443", "/x"), ("HTTPS://[::1]", "[::1]:443", ""),
        ])
    func addresses(url: String, authority: String, prefix: String) throws {
        let address = try #require(ServerAddress(url: url))
        #expect(address.authority == authority)
        #expect(address.prefix == prefix)
        #expect(address.usesTLS == (url.lowercased().hasPrefix("https") || url.hasPrefix("wss")))
        #expect(ServerAddress(url: address.url) == address)
    }

    @Test(
        "what is no such address is refused",
        arguments: [
            "localhost:7880", "ftp://a:1", "https://", "http://", "http://:80", "http://a:0", "http://a:70000", "http://a:b",
            "http://u@a:1",
            "http://a:1/?x", "http://[::1", "",
        ])
    func noAddresses(url: String) { #expect(ServerAddress(url: url) == nil) }

    // MARK: Counting

    private static let parameters = RTPParameters(
        mid: "0", kind: .video, codecs: [CodecParameters(codec: .vp8, payloadType: 96, rtxPayloadType: 97, nack: true, pli: true)],
        extensions: HeaderExtensionMap(), streams: [.init(ssrc: SSRC(7), rtxSSRC: SSRC(8))])

    /// A picture in each packet; the 1,000th is the first.
    private func packet(_ number: Int, keyframe: Bool = false) throws -> [UInt8] {
        let stamp = PayloadStamp(
            source: 3, layer: 0, isKeyframe: keyframe, frame: UInt32(number - 1_000), index: 0, count: 1, ordinal: UInt32(number - 1_000),
            captured: MeasuringTests.instant(number))
        let header = OutgoingHeader(
            payloadType: 96, marker: true, sequenceNumber: SequenceNumber(UInt16(truncatingIfNeeded: number)),
            timestamp: UInt32(number) * 3_000, ssrc: SSRC(7))
        let payload = stamp.vp8(
            pictureID: UInt16(number & 0x7fff), tl0PicIdx: UInt8(truncatingIfNeeded: number), keyIndex: 1, width: 320, height: 180,
            length: 200)
        return try #require(
            ByteWriter.array { writer in
                _ = header.write(into: &writer, HeaderExtensionMap())
                writer.bytes(payload)
            })
    }

    private static func instant(_ number: Int) -> Instant { Instant(nanoseconds: 0) + .microseconds(33_333) * Int64(number) }

    /// What a counting client has after these packets, each 5 ms after its sending, and how many it looked into.
    private func play(_ numbers: [Int], into track: ReceivedTrack, delays: inout Histogram) throws -> Int {
        var looked = 0
        var switches = Histogram()
        for number in numbers {
            let bytes = try packet(number, keyframe: number == 1_000)
            let parsed = RTPHeader.parse(bytes.span.bytes)
            let header = try #require(parsed)
            let arrival = MeasuringTests.instant(number) + .milliseconds(5)
            if track.wantsToRead(header) {
                looked += 1
                track.read(bytes.span.bytes, header, HeaderExtensionValues(), at: arrival, delays: &delays, switches: &switches)
            } else {
                track.count(header, length: bytes.count, at: arrival)
            }
        }
        return looked
    }

    @Test("a client that counts looks into few packets, and knows what it got, lost and got twice")
    func counting() throws {
        let track = try #require(ReceivedTrack(MeasuringTests.parameters, trackID: nil, verifies: false))
        var delays = Histogram()
        // One is missing, one comes twice.
        let looked = try play(Array(1_000..<3_000).filter { $0 != 1_500 } + [2_999], into: track, delays: &delays)
        let outcome = track.outcome()
        #expect(outcome.expected == 2_000)
        #expect(outcome.received == 1_999)
        #expect(outcome.duplicates == 1)
        #expect(outcome.faults.isEmpty)
        #expect(track.firstFrame == MeasuringTests.instant(1_000) + .milliseconds(5))
        #expect((7...12).contains(looked), "\(looked) were looked into")
        #expect(delays.percentile(99) >= .milliseconds(5) && delays.percentile(99) < .milliseconds(6))
    }

    @Test("what was published behind the last packet of a subscriber counts as lost")
    func missingAtTheEnd() throws {
        let track = try #require(ReceivedTrack(MeasuringTests.parameters, trackID: nil, verifies: false))
        var delays = Histogram()
        _ = try play(Array(1_000..<1_500), into: track, delays: &delays)
        let last = try #require(track.outcome().last)
        #expect(last.ordinal == 499)
        let publisher = { (packets: UInt64) in
            PublishedCounts([
                ClientOutcome(
                    identity: "", requestedAt: Instant(nanoseconds: 0),
                    published: [.init(source: 3, kind: .video, layer: 0, packets: packets)])
            ])
        }
        #expect(publisher(500).missing(behind: last) == 0)
        #expect(publisher(540).missing(behind: last) == 40)
        #expect(publisher(10).missing(behind: last) == 0)
        #expect(publisher(540).missing(behind: nil) == 0)
    }

    @Test("a picture that cannot be repaired is asked for anew, and what comes is looked into until it is there")
    func seeking() throws {
        let track = try #require(ReceivedTrack(MeasuringTests.parameters, trackID: nil, verifies: false))
        var delays = Histogram()
        // Without the keyframe everything is looked into, in vain.
        #expect(try play(Array(1_001..<1_200), into: track, delays: &delays) == 199)
        #expect(track.firstFrame == nil)
        #expect(track.nextDeadline < .distantFuture)
    }

    @Test("a picture whose packets come in any order begins when the last of them is there")
    func reorderedKeyframe() throws {
        let track = try #require(ReceivedTrack(MeasuringTests.parameters, trackID: nil, verifies: false))
        var delays = Histogram()
        var switches = Histogram()
        let shape = VideoShape(width: 320, height: 180, packetsPerFrame: 2)
        let picture = SyntheticPicture(shape, frame: 0, isKeyframe: true)
        for (step, index) in [3, 1, 0, 2].enumerated() {
            #expect(track.firstFrame == nil)
            let stamp = PayloadStamp(
                source: 1, layer: 0, isKeyframe: true, frame: 0, index: index, count: 4, ordinal: UInt32(index),
                captured: Instant(nanoseconds: 0))
            let header = OutgoingHeader(
                payloadType: 96, marker: index == 3, sequenceNumber: SequenceNumber(UInt16(100 + index)), timestamp: 9, ssrc: SSRC(7))
            let bytes = try #require(
                ByteWriter.array { writer in
                    _ = header.write(into: &writer, HeaderExtensionMap())
                    writer.bytes(stamp.payload(of: picture))
                })
            let parsed = RTPHeader.parse(bytes.span.bytes)
            track.read(
                bytes.span.bytes, try #require(parsed), HeaderExtensionValues(), at: Instant(nanoseconds: Int64(step)), delays: &delays,
                switches: &switches)
        }
        #expect(track.firstFrame == Instant(nanoseconds: 3))
        #expect(track.outcome().received == 4)
    }

    @Test("what a server probes with on the retransmission stream is neither lost nor new, whatever its numbers")
    func probes() throws {
        let track = try #require(ReceivedTrack(MeasuringTests.parameters, trackID: nil, verifies: false))
        var (delays, switches) = (Histogram(), Histogram())
        _ = try play(Array(1_000..<1_010), into: track, delays: &delays)
        let repeated = try packet(1_005)
        for payload in [[], [0x03, 0xed], [0x03, 0xed] + repeated.dropFirst(12)] as [[UInt8]] {
            let header = OutgoingHeader(
                payloadType: 97, marker: false, sequenceNumber: SequenceNumber(40_000), timestamp: 0, ssrc: SSRC(8))
            let bytes = try #require(
                ByteWriter.array { writer in
                    _ = header.write(into: &writer, HeaderExtensionMap())
                    writer.bytes(payload)
                })
            let parsed = RTPHeader.parse(bytes.span.bytes)
            track.read(
                bytes.span.bytes, try #require(parsed), HeaderExtensionValues(), at: MeasuringTests.instant(1_011), delays: &delays,
                switches: &switches)
        }
        let outcome = track.outcome()
        #expect(outcome.expected == 10 && outcome.received == 10 && outcome.duplicates == 0 && outcome.repaired == 0)
        #expect(outcome.padding == 3 && outcome.faults.isEmpty)
    }

    @Test("a changed payload is a fault")
    func tampering() throws {
        let track = try #require(ReceivedTrack(MeasuringTests.parameters, trackID: nil, verifies: true))
        var delays = Histogram()
        var switches = Histogram()
        var bytes = try packet(1_000, keyframe: true)
        bytes[bytes.count - 1] ^= 1
        let parsed = RTPHeader.parse(bytes.span.bytes)
        let header = try #require(parsed)
        track.read(
            bytes.span.bytes, header, HeaderExtensionValues(), at: MeasuringTests.instant(1_000), delays: &delays, switches: &switches)
        #expect(!track.outcome().faults.isEmpty)
    }

    @Test("arrivals are reported once each, in order, with the losses between them")
    func arrivalReports() throws {
        var reports = ArrivalReports()
        let start = Instant(nanoseconds: 1_000_000_000)
        for (position, number) in [65_534, 65_535, 2, 1, 1].enumerated() {
            reports.note(UInt16(number), at: start + .milliseconds(Int64(position)))
        }
        #expect(reports.nextDeadline == start + .milliseconds(100))
        let bytes = try #require(
            ByteWriter.array { reports.write(into: &$0, sender: SSRC(1), media: SSRC(2), at: start + .milliseconds(100)) })
        #expect(reports.nextDeadline == .distantFuture)
        var iterator = RTCPPacketIterator()
        let first = iterator.next(in: bytes.span.bytes)
        let packet = try #require(first)
        let parsed = TransportFeedback.parse(bytes.span.bytes, packet)
        let feedback = try #require(parsed)
        var told: [UInt16: Bool] = [:]
        var statuses = feedback.makeIterator()
        while let status = statuses.next(in: bytes.span.bytes) { told[status.sequence.rawValue] = status.arrivalTicks != nil }
        #expect(told == [65_534: true, 65_535: true, 0: false, 1: true, 2: true])
    }
}
