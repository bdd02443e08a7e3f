import Forwarding
import MediaPrimitives
import RTP
import Testing

@Suite("What has come since a keyframe, for who joins")
struct KeyframeReplayTests {
    // MARK: Whether it can be begun with

    private func video() -> Encoding {
        let encoding = Encoding(layer: 0, rid: nil, parameters: .video)
        encoding.bind(SSRC(1_000))
        encoding.bind(retransmission: SSRC(2_000))
        return encoding
    }

    private func key(_ sequence: UInt16, timestamp: UInt32 = 0) -> SourcePacket {
        SourcePacket(sequence: sequence, timestamp: timestamp, payload: VP8.payload(pictureID: 5, isKey: true))
    }

    /// One of VP8 that is no keyframe's.
    private func delta(_ sequence: UInt16, timestamp: UInt32 = 3_000) -> SourcePacket {
        SourcePacket(sequence: sequence, timestamp: timestamp, payload: VP8.payload(pictureID: 6))
    }

    private func retransmission(of original: UInt16, sequence: UInt16) -> SourcePacket {
        SourcePacket(
            payloadType: 97, sequence: sequence, timestamp: 3_000, ssrc: SSRC(2_000),
            payload: [UInt8(original >> 8), UInt8(original & 0xff)] + VP8.payload(pictureID: 6))
    }

    /// The numbers of what would be sent, those without payload negative; nil where nobody can begin.
    private func numbers(_ encoding: Encoding, at now: Instant) -> [Int]? {
        guard var replay = encoding.replay(at: now) else { return nil }
        var numbers: [Int] = []
        while let step = replay.next() {
            switch step {
            case .media(let media): numbers.append(Int(media.sequence & 0xffff))
            case .padding(let sequence): numbers.append(-Int(sequence & 0xffff))
            }
        }
        return numbers
    }

    @Test("There is a beginning with a keyframe and all that follows it, over the wrap of its numbers, and none before")
    func whole() {
        let encoding = video()
        #expect(encoding.beginning(at: at(0)) == nil && numbers(encoding, at: at(0)) == nil)
        for sequence: UInt16 in 65_530..<65_533 { _ = encoding.receive(delta(sequence), at: at(0)) }
        #expect(numbers(encoding, at: at(0)) == nil)
        _ = encoding.receive(key(65_533, timestamp: 6_000), at: at(10))
        #expect(encoding.beginning(at: at(10)) == at(10))
        for sequence: UInt16 in [65_534, 65_535, 0, 1] { _ = encoding.receive(delta(sequence, timestamp: 9_000), at: at(40)) }
        #expect(encoding.beginning(at: at(40)) == at(10))
        #expect(numbers(encoding, at: at(40)) == [65_533, 65_534, 65_535, 0, 1])
        // The next one takes its place.
        _ = encoding.receive(key(2, timestamp: 12_000), at: at(70))
        #expect(numbers(encoding, at: at(70)) == [2] && encoding.beginning(at: at(70)) == at(70))
    }

    @Test("Its packets are what came: payload, timestamp, marker; the first is where to begin, and what is behind the keyframe is counted")
    func facts() {
        let encoding = video()
        var last = delta(8)
        last.marker = true
        let sources = [key(5), SourcePacket(marker: true, sequence: 6, payload: VP8.payload(pictureID: 5, starts: false)), delta(7), last]
        for source in sources { _ = encoding.receive(source, at: at(3)) }
        guard var replay = encoding.replay(at: at(9)) else { return check(false) }
        check(replay.packets == 4 && replay.bytesBehind == sources[2].payload.count + sources[3].payload.count)
        for (index, source) in sources.enumerated() {
            guard case .media(let media) = replay.next() else { return check(false) }
            #expect(encoding.ring.payload(media.payload).map { Array($0) } == source.payload)
            #expect(media.timestamp == source.timestamp && media.marker == source.marker && media.codec == .vp8)
            #expect(media.isSwitchPoint == (index == 0) && media.arrival == at(3) && media.epoch == 0 && media.layer == 0)
        }
        check(replay.next() == nil)
    }

    @Test("With a hole there is none, until what is missing has come, in the order of their numbers")
    func hole() {
        let encoding = video()
        for source in [key(10), delta(11), delta(13), delta(14)] { _ = encoding.receive(source, at: at(0)) }
        #expect(encoding.beginning(at: at(1)) == nil && numbers(encoding, at: at(1)) == nil)
        _ = encoding.receive(delta(15), at: at(2))
        #expect(numbers(encoding, at: at(2)) == nil)
        _ = encoding.receive(retransmission(of: 12, sequence: 900), asRetransmission: true, at: at(5))
        #expect(numbers(encoding, at: at(5)) == [10, 11, 12, 13, 14, 15])
        // A repetition changes nothing.
        _ = encoding.receive(retransmission(of: 12, sequence: 901), asRetransmission: true, at: at(6))
        _ = encoding.receive(delta(14), at: at(6))
        #expect(numbers(encoding, at: at(6)) == [10, 11, 12, 13, 14, 15])
    }

    @Test("One that is sent again before it comes does not stand for one that is missing")
    func early() {
        let encoding = video()
        for source in [key(10), delta(12)] { _ = encoding.receive(source, at: at(0)) }
        _ = encoding.receive(retransmission(of: 13, sequence: 900), asRetransmission: true, at: at(1))
        #expect(numbers(encoding, at: at(1)) == nil)
        _ = encoding.receive(delta(13), at: at(2))
        #expect(numbers(encoding, at: at(2)) == nil)
        _ = encoding.receive(delta(11), at: at(3))
        #expect(numbers(encoding, at: at(3)) == [10, 11, 12, 13])
    }

    @Test("Numbers that carry nothing are no holes, wherever they come")
    func padding() {
        let encoding = video()
        let empty = { (sequence: UInt16) in SourcePacket(sequence: sequence, timestamp: 3_000, payload: []) }
        for source in [empty(8), empty(9), key(10), empty(11), delta(12), empty(14), delta(13), empty(15)] {
            _ = encoding.receive(source, at: at(0))
        }
        #expect(numbers(encoding, at: at(0)) == [10, -11, 12, 13, -14, -15])
        _ = encoding.receive(empty(17), at: at(0))
        #expect(numbers(encoding, at: at(0)) == nil)
        _ = encoding.receive(empty(16), at: at(0))
        #expect(numbers(encoding, at: at(0))?.count == 8)
    }

    @Test("It is 300 ms at most, and 128 numbers; what stands still is no older than a second")
    func bounds() {
        let encoding = video()
        _ = encoding.receive(key(0), at: at(0))
        #expect(encoding.beginning(at: at(1_000)) == at(0) && encoding.beginning(at: at(1_001)) == nil)
        _ = encoding.receive(delta(1), at: at(300))
        #expect(encoding.beginning(at: at(400)) == at(0))
        _ = encoding.receive(delta(2), at: at(301))
        #expect(encoding.beginning(at: at(301)) == nil)
        #expect(numbers(encoding, at: at(301)) == nil)
        _ = encoding.receive(key(3, timestamp: 90_000), at: at(1_000))
        for sequence: UInt16 in 4..<131 { _ = encoding.receive(delta(sequence, timestamp: 93_000), at: at(1_001)) }
        #expect(numbers(encoding, at: at(1_001)) == Array(3..<131))
        _ = encoding.receive(delta(131, timestamp: 93_000), at: at(1_001))
        #expect(encoding.beginning(at: at(1_001)) == nil)
    }

    @Test("There is none under another SSRC, nor with a keyframe whose first packet came late, nor of an encoding that has ended")
    func others() {
        let encoding = video()
        for source in [key(10), delta(11)] { _ = encoding.receive(source, at: at(0)) }
        _ = encoding.receive(delta(13, timestamp: 6_000), at: at(1))
        _ = encoding.receive(key(12, timestamp: 6_000), at: at(2))
        // The former keyframe still is one.
        #expect(numbers(encoding, at: at(2)) == [10, 11, 12, 13])
        encoding.noteGoodbye(SSRC(1_000))
        #expect(encoding.beginning(at: at(2)) == nil)
        _ = encoding.receive(delta(14), at: at(3))
        #expect(numbers(encoding, at: at(3))?.count == 5)
        encoding.bind(SSRC(1_001))
        #expect(encoding.beginning(at: at(3)) == nil)
        _ = encoding.receive(delta(15), at: at(4))
        #expect(numbers(encoding, at: at(4)) == nil)
        _ = encoding.receive(key(16, timestamp: 9_000), at: at(4))
        #expect(numbers(encoding, at: at(4)) == [16])
    }

    @Test("H.264 is begun with where the parameter sets of a picture begin")
    func parameterSets() {
        let encoding = video()
        let units: [[UInt8]] = [[0x67, 0x42, 0, 0x1f], [0x68, 0xce], [0x67, 0x42, 0, 0x1f], [0x65, 0x88]]
        for (index, unit) in units.enumerated() {
            _ = encoding.receive(SourcePacket(payloadType: 102, sequence: UInt16(index), timestamp: 9_000, payload: unit), at: at(0))
        }
        #expect(numbers(encoding, at: at(0)) == [0, 1, 2, 3])
    }

    // MARK: What a subscriber gets

    /// Numbers that wrap soon behind the second keyframe.
    private func source(_ shape: Scalability) -> LayeredSource {
        LayeredSource(shape, sequence: UInt16(truncatingIfNeeded: 65_536 - 9 * 2 * shape.spatial - 3))
    }

    @Test("Who joins late is sent what he would have been sent from the keyframe on, and all that follows is", arguments: Scalability.all)
    func same(_ shape: Scalability) {
        for (spatial, temporal) in [(0, 0), (shape.spatial - 1, shape.temporal - 1), (0, shape.temporal - 1), (shape.spatial - 1, 0)] {
            let (early, late) = (LayeredViewer([source(shape)]), LayeredViewer([source(shape)]))
            for picture in 0..<24 {
                if picture == 9 { early.aim(0, spatial: Int8(spatial), temporal: Int8(temporal)) }
                if picture == 15 {
                    late.aim(0, spatial: Int8(spatial), temporal: Int8(temporal))
                    check(late.join() && late.packets.count == early.packets.count)
                }
                for viewer in [early, late] {
                    viewer.now = at(Int64(picture) * 33)
                    viewer.play(isKey: picture % 9 == 0 && picture < 18)
                    if picture % 4 == 3 { viewer.receive(viewer.sources[0].padding(), from: 0) }
                }
            }
            late.verify(isWhole: true)
            #expect(late.packets.count == early.packets.count && late.packets.count > 6)
            for (one, other) in zip(early.packets, late.packets) {
                #expect(one.sequence == other.sequence && one.packet.header.timestamp == other.packet.header.timestamp)
                #expect(one.packet.header.marker == other.packet.header.marker && one.descriptor == other.descriptor)
                #expect(one.packet.payload == other.packet.payload)
            }
            #expect(late.stream.packetsSent == early.stream.packetsSent && late.stream.octetsSent == early.stream.octetsSent)
            // And again, when it is asked for.
            for sent in late.packets {
                let again = late.resend(sent.packet.sequence)
                #expect(again?.payload.dropFirst(2).elementsEqual(sent.packet.payload) == true && again?.descriptor == sent.descriptor)
            }
        }
    }

    @Test("What has come late comes in order to who joins, and layers can be changed afterwards", arguments: Scalability.all)
    func reordered(_ shape: Scalability) {
        let viewer = LayeredViewer([source(shape)])
        for picture in 0..<9 { viewer.play(isKey: picture == 0) }
        viewer.play(isKey: true)
        var held: [LayeredSource.Packet] = []
        for index in 0..<5 {
            viewer.now = at(Int64(index) * 33)
            var packets = viewer.picture(of: 0)
            if index % 2 == 0 { held.append(packets.remove(at: index % packets.count)) }
            for packet in packets { viewer.receive(packet, from: 0) }
        }
        viewer.aim(0)
        check(!viewer.join())
        for packet in held.reversed() { viewer.receive(packet, from: 0) }
        check(viewer.packets.isEmpty && viewer.join())
        #expect(zip(viewer.packets, viewer.packets.dropFirst()).allSatisfy { $0.sequence + 1 == $1.sequence })
        for round in 0..<6 {
            viewer.aim(0, spatial: Int8(round % 3), temporal: Int8(round % 2))
            for _ in 0..<8 { viewer.play() }
        }
        for picture in 0..<9 { viewer.play(isKey: picture == 0) }
        viewer.verify(isWhole: true)
    }

    @Test(
        "Encodings are gone over to in the middle of pictures, and all that comes can be decoded", arguments: Scalability.all,
        0..<6 as Range<UInt64>)
    func switching(_ shape: Scalability, seed: UInt64) {
        var random = Entropy.seeded(seed &+ 300)
        let viewer = LayeredViewer(
            (0..<3).map {
                LayeredSource(shape, layer: $0, sequence: UInt16(truncatingIfNeeded: 65_000 + 20_000 * $0), timestamp: UInt32($0) << 30)
            },
            seed: seed)
        viewer.aim(0)
        var (joined, last) = (0, [-1, -1, -1])
        for picture in 0..<300 {
            viewer.now = at(Int64(picture) * 33)
            if Int.random(in: 0..<6, using: &random) == 0 {
                viewer.aim(
                    Int8.random(in: 0..<3, using: &random), spatial: Int8.random(in: 0...3, using: &random),
                    temporal: Int8.random(in: 0...3, using: &random))
            }
            var waiting = (0..<3).map { source in
                viewer.picture(
                    of: source, isKey: picture == 0 || Int.random(in: 0..<12, using: &random) == 0,
                    packets: Int.random(in: 1...4, using: &random))
            }
            while let source = waiting.indices.filter({ !waiting[$0].isEmpty }).randomElement(using: &random) {
                viewer.receive(waiting[source].removeFirst(), from: source)
                // Nobody is shown a picture twice.
                if let current = viewer.selector.current { last[current] = picture }
                guard let target = viewer.selector.target, target != viewer.selector.current,
                    let beginning = viewer.encodings[target].beginning(at: viewer.now), beginning > at(Int64(last[target]) * 33)
                else { continue }
                if viewer.join(target) { joined += 1 }
            }
        }
        #expect(joined > 5)
        viewer.verify(isWhole: true)
    }
}
