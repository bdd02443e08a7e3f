import Forwarding
import MediaPrimitives
import RTP
import Testing

@Suite("Payload types and streams")
struct TableTests {
    // MARK: Payload types

    @Test("Payload types are found both ways; the first of several for a codec is the one to send")
    func payloadTypes() {
        let codecs = [
            CodecParameters(codec: .h264, payloadType: 102, rtxPayloadType: 103), CodecParameters(codec: .h264, payloadType: 104),
            CodecParameters(codec: .opus, payloadType: 127), CodecParameters(codec: .vp8, payloadType: 0, rtxPayloadType: 1),
            CodecParameters(codec: .av1, payloadType: 200, rtxPayloadType: 201),
        ]
        let (table, types) = (PayloadTypeTable(codecs), PayloadTypes(codecs))
        #expect(types.payloadType(.h264) == 102 && types.retransmissionPayloadType(.h264) == 103)
        #expect([102, 104, 127, 0].map { table.codec($0) } == [.h264, .h264, .opus, .vp8])
        #expect(table.codec(retransmission: 103) == .h264 && table.codec(103) == nil && table.codec(retransmission: 102) == nil)
        #expect(types.retransmissionPayloadType(.opus) == nil)
        #expect(types.payloadType(.av1) == nil && types.payloadType(.vp9) == nil)
        #expect((0...255).allSatisfy { table.codec($0) == table.codec($0 & 0x7f) })
    }

    @Test("A codec's second entry with retransmissions does not lend them to the first")
    func firstWithoutRTX() {
        let codecs = [CodecParameters(codec: .vp8, payloadType: 96), CodecParameters(codec: .vp8, payloadType: 98, rtxPayloadType: 99)]
        let types = PayloadTypes(codecs)
        #expect(types.payloadType(.vp8) == 96 && types.retransmissionPayloadType(.vp8) == nil)
        #expect(PayloadTypeTable(codecs).codec(retransmission: 99) == .vp8)
    }

    // MARK: Streams

    private func bind(
        _ table: inout StreamTable, _ ssrc: UInt32, payloadType: UInt8 = 96, mid: String? = nil, rid: String? = nil, repaired: String? = nil
    ) -> StreamBinding? {
        let bytes = SourcePacket(payloadType: payloadType, sequence: 1, ssrc: SSRC(ssrc)).bytes
        guard let header = RTPHeader.parse(bytes.span.bytes) else { return nil }
        var values = HeaderExtensionValues()
        values.mid = mid.flatMap { ShortText($0) }
        values.rid = rid.flatMap { ShortText($0) }
        values.repairedRid = repaired.flatMap { ShortText($0) }
        return table.binding(of: SSRC(ssrc)) ?? table.bind(header, values)
    }

    private let simulcast = RTPParameters.video.with(rids: ["q", "h", "f"], mid: "1", streams: [])

    @Test("mid comes before what was announced, and that before the payload type")
    func order() {
        let sections = [
            RTPParameters.audio.with(mid: "0"), .video.with(mid: "1", streams: [.init(ssrc: SSRC(77), rtxSSRC: SSRC(78))]),
            .video.with(mid: "2", streams: []),
        ]
        var table = StreamTable(sections)
        // Announced for section 1, and says that it is of section 2.
        check(bind(&table, 77, mid: "2") == StreamBinding(publication: 2, layer: 0, isRetransmission: false))
        var other = StreamTable(sections)
        check(bind(&other, 77) == StreamBinding(publication: 1, layer: 0, isRetransmission: false))
        check(bind(&other, 78, payloadType: 97) == StreamBinding(publication: 1, layer: 0, isRetransmission: true))
        check(bind(&other, 5, payloadType: 111) == StreamBinding(publication: 0, layer: 0, isRetransmission: false))
        // Two sections have it.
        check(bind(&other, 6) == nil)
    }

    @Test("A mid that nobody has, or with a payload type of another section, belongs nowhere, and is not guessed")
    func unknownMid() {
        var table = StreamTable([.audio.with(mid: "0"), .video.with(mid: "1")])
        check(bind(&table, 1_000, mid: "9") == nil)
        check(bind(&table, 1_000, payloadType: 96, mid: "0") == nil)
        check(bind(&table, 1_000, payloadType: 50, mid: "1") == nil)
        #expect(table.binding(of: SSRC(1_000)) == nil)
        check(bind(&table, 1_000, mid: "1") != nil)
    }

    @Test("Layers are found by rid, their repair streams by repaired-rid, and stay latched without either")
    func rids() {
        var table = StreamTable([.audio.with(mid: "0"), simulcast])
        for (layer, rid) in ["q", "h", "f"].enumerated() {
            let media = UInt32(10 + layer)
            let repair = UInt32(20 + layer)
            #expect(
                bind(&table, repair, payloadType: 97, mid: "1", repaired: rid)
                    == .init(publication: 1, layer: layer, isRetransmission: true))
            check(bind(&table, media, mid: "1", rid: rid) == .init(publication: 1, layer: layer, isRetransmission: false))
            check(bind(&table, media) == .init(publication: 1, layer: layer, isRetransmission: false))
            check(bind(&table, repair, payloadType: 97) == .init(publication: 1, layer: layer, isRetransmission: true))
        }
        check(bind(&table, 30, mid: "1", rid: "x") == nil)
        check(bind(&table, 31, mid: "1") == nil)
        check(bind(&table, 32, rid: "h") != nil)
    }

    @Test("SSRC 0, that of probes before media, makes no stream")
    func zero() {
        var table = StreamTable([.video.with(mid: "1")])
        check(bind(&table, 0, mid: "1") == nil)
        check(bind(&table, 0) == nil)
    }

    @Test("A new SSRC takes the place of the former, whose stragglers do not take it back")
    func ssrcChange() {
        var table = StreamTable([.video.with(mid: "1", streams: [])])
        check(bind(&table, 100, mid: "1") != nil)
        check(bind(&table, 200, mid: "1") != nil)
        #expect(table.binding(of: SSRC(100)) == nil)
        for _ in 0..<20 { check(bind(&table, 100, mid: "1") == nil) }
        #expect(table.binding(of: SSRC(200)) != nil)
        // A sender that does go back is followed in the end.
        var packets = 0
        while bind(&table, 100, mid: "1") == nil, packets < 100 { packets += 1 }
        #expect(packets < 60 && table.binding(of: SSRC(200)) == nil)
    }

    @Test("However many SSRCs come, no more are bound than the sections have streams")
    func caps() {
        var table = StreamTable([.audio.with(mid: "0"), simulcast])
        for ssrc: UInt32 in 1...2_000 {
            _ = bind(&table, ssrc, payloadType: [96, 97, 111][Int(ssrc % 3)], mid: ["0", "1"][Int(ssrc % 2)], rid: "q", repaired: "h")
        }
        #expect((1...2_000).count { table.binding(of: SSRC($0)) != nil } <= 3)
    }

    @Test("What is latched stays latched over later negotiations, also while its section is away")
    func update() {
        var table = StreamTable([.audio.with(mid: "0"), simulcast])
        for (layer, rid) in ["q", "h", "f"].enumerated() { check(bind(&table, UInt32(10 + layer), mid: "1", rid: rid) != nil) }
        check(bind(&table, 20, payloadType: 97, mid: "1", repaired: "h") != nil)
        let added = table.update([.video.with(mid: "2", streams: []), .audio.with(mid: "0")])
        #expect(added == [2, 0])
        // Nobody says mid 1 at present; what was latched there can do no harm.
        check(bind(&table, 30, mid: "1", rid: "q") == nil)
        #expect(table.binding(of: SSRC(12))?.publication == 1)
        let back = table.update([.audio.with(mid: "0"), simulcast, .video.with(mid: "2", streams: [])])
        #expect(back == [0, 1, 2])
        #expect(table.bindings(of: 1).map(\.ssrc.rawValue) == [10, 11, 20, 12])
        #expect(table.binding(of: SSRC(20)) == StreamBinding(publication: 1, layer: 1, isRetransmission: true))
    }

    @Test("Other rids on the same section move what is latched, or forget it")
    func otherRids() {
        var table = StreamTable([simulcast])
        for (layer, rid) in ["q", "h", "f"].enumerated() { check(bind(&table, UInt32(10 + layer), mid: "1", rid: rid) != nil) }
        _ = table.update([simulcast.with(rids: ["f", "q"], mid: "1", streams: [])])
        #expect(table.binding(of: SSRC(10)) == StreamBinding(publication: 0, layer: 1, isRetransmission: false))
        #expect(table.binding(of: SSRC(11)) == nil)
        #expect(table.binding(of: SSRC(12)) == StreamBinding(publication: 0, layer: 0, isRetransmission: false))
        _ = table.update([.video.with(mid: "1", streams: [])])
        #expect((10...12).allSatisfy { table.binding(of: SSRC($0)) == nil })
    }

    @Test("An SSRC that is announced for another section than before belongs there")
    func moved() {
        var table = StreamTable([.video.with(mid: "1", streams: [.init(ssrc: SSRC(77))]), .video.with(mid: "2", streams: [])])
        check(bind(&table, 77)?.publication == 0)
        _ = table.update([.video.with(mid: "1", streams: []), .video.with(mid: "2", streams: [.init(ssrc: SSRC(77))])])
        check(bind(&table, 77)?.publication == 1)
    }

    @Test("However many sections come and go, those that are there have a place, and not more are remembered than that")
    func manySections() {
        var table = StreamTable([.audio.with(mid: "stays")])
        check(bind(&table, 5, payloadType: 111, mid: "stays") != nil)
        for number in 0..<1_000 {
            let places = table.update([.video.with(mid: "m\(number)", streams: []), .audio.with(mid: "stays")])
            #expect(places[1] == 0 && places[0].map { (1..<StreamTable.sectionLimit).contains($0) } == true)
            check(bind(&table, UInt32(1_000 + number), mid: "m\(number)") != nil)
        }
        #expect((1_000..<2_000).count { table.binding(of: SSRC($0)) != nil } < StreamTable.limit)
        #expect(table.binding(of: SSRC(5))?.publication == 0)
        let all = table.update((0..<300).map { .video.with(mid: "n\($0)", streams: []) })
        #expect(all.count { $0 == nil } == 300 - StreamTable.sectionLimit)
    }

    @Test("Forgetting an SSRC lets it come again")
    func unbind() {
        var table = StreamTable([.video.with(mid: "1", streams: [])])
        _ = bind(&table, 5)
        table.unbind(SSRC(5))
        #expect(table.binding(of: SSRC(5)) == nil)
        check(bind(&table, 5) != nil)
    }
}
