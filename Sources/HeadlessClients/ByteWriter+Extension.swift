import MediaPrimitives
import RTP

extension ByteWriter {
    /// Adds an element to the extensions of the RTP header that has been written, and nothing else yet. In the one-byte form all move to the two-byte
    /// form if the value is longer than that allows (RFC 8285 §4.2, §4.3). An id of 0 adds nothing.
    package mutating func addExtension(_ id: UInt8, _ value: [UInt8]) {
        let written = UnsafeRawBufferPointer(written).bytes
        guard id > 0, (1...255).contains(value.count), let header = RTPHeader.parse(written), header.payloadOffset == count else { return }
        let elements =
            header.extensionProfile == 0xbede ? ByteWriter.oneByteElements(written, header) : ByteWriter.twoByteElements(written, header)
        let bytes = written.array()
        let isOneByte = header.extensionProfile != 0x1000 && id <= 14 && value.count <= 16
        let start = header.extensionLength > 0 ? header.extensionOffset - 4 : count
        count = start
        patch(uint8: bytes[0] | 0x10, at: 0)
        uint16(isOneByte ? 0xbede : 0x1000)
        uint16(0)
        for (id, value) in elements.map({ ($0.id, Array(bytes[$0.value])) }) + [(id, value)] {
            if isOneByte { uint8(id << 4 | UInt8(value.count - 1)) } else { uint16(UInt16(id) << 8 | UInt16(value.count)) }
            self.bytes(value)
        }
        while (count - start) % 4 != 0 { uint8(0) }
        patch(uint16: UInt16((count - start) / 4 - 1), at: start + 2)
    }

    private static func oneByteElements(_ packet: RawSpan, _ header: RTPHeader) -> [(id: UInt8, value: Range<Int>)] {
        var elements: [(id: UInt8, value: Range<Int>)] = []
        var at = header.extensionOffset
        while at < header.extensionOffset + header.extensionLength, let first = packet.uint8(at: at) {
            at += 1
            guard first != 0 else { continue }
            elements.append((first >> 4, at..<(at + Int(first & 0x0f) + 1)))
            at += Int(first & 0x0f) + 1
        }
        return elements
    }

    private static func twoByteElements(_ packet: RawSpan, _ header: RTPHeader) -> [(id: UInt8, value: Range<Int>)] {
        var elements: [(id: UInt8, value: Range<Int>)] = []
        var at = header.extensionOffset
        while at < header.extensionOffset + header.extensionLength, let id = packet.uint8(at: at) {
            at += 1
            guard id != 0, let length = packet.uint8(at: at) else { continue }
            elements.append((id, (at + 1)..<(at + 1 + Int(length))))
            at += 1 + Int(length)
        }
        return elements
    }
}
