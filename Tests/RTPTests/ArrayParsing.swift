import MediaPrimitives
import RTP

// The testing macros cannot capture spans: the parsers again, over arrays. Those of RTCP read a datagram's first packet.

extension RTPHeader {
    static func parse(_ bytes: [UInt8]) -> RTPHeader? { parse(bytes.span.bytes) }
}
extension HeaderExtensionValues {
    static func parse(_ bytes: [UInt8], _ header: RTPHeader, _ map: HeaderExtensionMap) -> HeaderExtensionValues {
        parse(bytes.span.bytes, header, map)
    }
}
extension RTX {
    static func originalSequenceNumber(_ bytes: [UInt8], _ header: RTPHeader) -> SequenceNumber? {
        originalSequenceNumber(bytes.span.bytes, header)
    }
}
extension VP8Descriptor {
    static func parse(_ bytes: [UInt8]) -> VP8Descriptor? { parse(bytes.span.bytes) }
}
extension VP9Descriptor {
    static func parse(_ bytes: [UInt8]) -> VP9Descriptor? { parse(bytes.span.bytes) }
}
extension H264Descriptor {
    static func parse(_ bytes: [UInt8]) -> H264Descriptor? { parse(bytes.span.bytes) }
}
extension AV1Descriptor {
    static func parse(_ bytes: [UInt8]) -> AV1Descriptor? { parse(bytes.span.bytes) }
}
extension PayloadDescriptor {
    static func parse(codec: Codec, payload: [UInt8]) -> PayloadDescriptor { parse(codec: codec, payload: payload.span.bytes) }
}
extension RTCPPacket {
    static func isRTCP(_ bytes: [UInt8]) -> Bool { isRTCP(bytes.span.bytes) }
}
extension RTCPPacketIterator {
    static func isValid(_ bytes: [UInt8]) -> Bool { isValid(bytes.span.bytes) }
}
extension ReportBlocks {
    func block(_ index: Int, in bytes: [UInt8]) -> ReportBlock? { block(index, in: bytes.span.bytes) }
}
extension SenderReport {
    static func parse(_ bytes: [UInt8]) -> SenderReport? { first(bytes).flatMap { parse(bytes.span.bytes, $0) } }
}
extension ReceiverReport {
    static func parse(_ bytes: [UInt8]) -> ReceiverReport? { first(bytes).flatMap { parse(bytes.span.bytes, $0) } }
}
extension Nack {
    static func parse(_ bytes: [UInt8]) -> Nack? { first(bytes).flatMap { parse(bytes.span.bytes, $0) } }
    func forEach(in bytes: [UInt8], _ body: (SequenceNumber) -> Void) { forEach(in: bytes.span.bytes, body) }
    static func write(into writer: inout ByteWriter, sender: SSRC, media: SSRC, sequences: [SequenceNumber]) -> Int {
        write(into: &writer, sender: sender, media: media, sequences: sequences.span)
    }
}
extension PictureLossIndication {
    static func parse(_ bytes: [UInt8]) -> PictureLossIndication? { first(bytes).flatMap { parse(bytes.span.bytes, $0) } }
}
extension SourceDescription {
    static func parse(_ bytes: [UInt8]) -> SourceDescription? { first(bytes).flatMap { parse(bytes.span.bytes, $0) } }
    func cname(in bytes: [UInt8]) -> String { cname(in: bytes.span.bytes) }
}
extension Goodbye {
    static func parse(_ bytes: [UInt8]) -> Goodbye? { first(bytes).flatMap { parse(bytes.span.bytes, $0) } }
    static func write(into writer: inout ByteWriter, ssrcs: [SSRC]) -> Int { write(into: &writer, ssrcs: ssrcs.span) }
    func sources(in bytes: [UInt8]) -> [SSRC] { (0...count).compactMap { source($0, in: bytes.span.bytes) } }
}
extension FullIntraRequest {
    static func parse(_ bytes: [UInt8]) -> FullIntraRequest? { first(bytes).flatMap { parse(bytes.span.bytes, $0) } }
    func entries(in bytes: [UInt8]) -> [Entry] { (0...entryCount).compactMap { entry($0, in: bytes.span.bytes) } }
}
extension ReceiverEstimatedMaximumBitrate {
    static func parse(_ bytes: [UInt8]) -> ReceiverEstimatedMaximumBitrate? { first(bytes).flatMap { parse(bytes.span.bytes, $0) } }
    func ssrcs(in bytes: [UInt8]) -> [SSRC] { (0...ssrcCount).compactMap { ssrc($0, in: bytes.span.bytes) } }
}
extension CongestionControlFeedback {
    static func parse(_ bytes: [UInt8]) -> CongestionControlFeedback? { first(bytes).flatMap { parse(bytes.span.bytes, $0) } }

    func statuses(in bytes: [UInt8]) -> [Status] {
        var iterator = makeIterator()
        var all: [Status] = []
        while let status = iterator.next(in: bytes.span.bytes) { all.append(status) }
        return all
    }
}
extension TransportFeedback {
    static func parse(_ bytes: [UInt8]) -> TransportFeedback? { first(bytes).flatMap { parse(bytes.span.bytes, $0) } }
    func statuses(in bytes: [UInt8]) -> [Status] {
        var iterator = makeIterator()
        var statuses: [Status] = []
        while let status = iterator.next(in: bytes.span.bytes) { statuses.append(status) }
        return statuses
    }
}
