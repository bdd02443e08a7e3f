import MediaPrimitives
import RTP

/// RTP headers and header extensions.
enum RTPHarness {
    /// Ids that allow the one-byte form, and (in the second map) only the two-byte form.
    static let maps: [HeaderExtensionMap] = ([0, 20] as [UInt8]).map { base in
        var map = HeaderExtensionMap()
        for kind in HeaderExtension.allCases { map[kind] = base + 1 + kind.rawValue }
        return map
    }

    static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        let packet = input.bytes
        _ = RTCPPacket.isRTCP(packet)
        guard let header = RTPHeader.parse(packet) else { return }
        try expect(
            header.headerLength >= RTPHeader.fixedLength && header.payloadLength >= 0 && header.paddingLength >= 0
                && header.headerLength + header.payloadLength + header.paddingLength == packet.byteCount,
            "the parts of the packet do not add up to it")
        try expect(header.extensionOffset + header.extensionLength <= header.headerLength, "the extension leaves the header")
        try expect(header.payloadType < 128 && header.csrcCount < 16, "a field is wider than it is")
        let original = RTX.originalSequenceNumber(packet, header)
        try expect((original == nil) == (header.payloadLength < RTX.headerLength), "a retransmission without a number, or the reverse")
        for map in maps {
            let values = HeaderExtensionValues.parse(packet, header, map)
            if let time = values.absSendTime { try expect(time < 1 << 24, "abs-send-time has 24 bits") }
            if let level = values.audioLevel { try expect(level < 128, "audio-level has 7 bits") }
            try rewrite(header, values, Array(values.descriptor(of: input)), map)
            if values.mid != nil { try PlantedBug.check(header.timestamp) }
        }
    }

    /// What we would send with the same values reads back with the same values.
    private static func rewrite(
        _ header: RTPHeader, _ values: HeaderExtensionValues, _ descriptor: [UInt8], _ map: HeaderExtensionMap
    ) throws(Finding) {
        var outgoing = OutgoingHeader(
            payloadType: header.payloadType, marker: header.marker, sequenceNumber: header.sequenceNumber, timestamp: header.timestamp,
            ssrc: header.ssrc)
        outgoing.mid = values.mid ?? ShortText()
        outgoing.rid = values.rid ?? ShortText()
        outgoing.repairedRid = values.repairedRid ?? ShortText()
        outgoing.audioLevel = values.audioLevel
        outgoing.voiceActivity = values.voiceActivity
        outgoing.reservesSendTime = values.absSendTime != nil
        outgoing.reservesTransportSequence = values.transportSequence != nil
        var stamps = StampOffsets()
        // The descriptor's own two bytes of element header, and what rounds the extension up to words.
        let longest = OutgoingHeader.maximumLength + (descriptor.isEmpty ? 0 : descriptor.count + 5)
        guard
            var written = ByteWriter.array(capacity: longest, { stamps = outgoing.write(into: &$0, map, descriptor: descriptor) })
        else { throw Finding("a header is longer than the longest") }
        written.withUnsafeMutableBytes {
            stamps.stamp($0, absSendTime: values.absSendTime ?? 0, transportSequence: values.transportSequence ?? 0)
        }
        let again = written.span.bytes
        guard let copy = RTPHeader.parse(again) else { throw Finding("a header of our own does not parse") }
        try expect(
            copy.payloadType == header.payloadType && copy.marker == header.marker && copy.sequenceNumber == header.sequenceNumber
                && copy.timestamp == header.timestamp && copy.ssrc == header.ssrc && copy.headerLength == again.byteCount,
            "the header changed")
        var reread = HeaderExtensionValues.parse(again, copy, map)
        let carried = written.withUnsafeBytes { Array(reread.descriptor(of: $0)) }
        try expect(carried == descriptor, "the dependency descriptor changed")
        // It may lie elsewhere in a header of our own.
        (reread.descriptorOffset, reread.descriptorLength) = (values.descriptorOffset, values.descriptorLength)
        try expect(reread == values, "the extensions changed")
    }
}
