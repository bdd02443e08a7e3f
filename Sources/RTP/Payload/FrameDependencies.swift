import MediaPrimitives

/// What a frame is to a decode target ("RTP Payload Format For AV1", table A.1).
package enum DecodeTargetIndication: UInt8, Sendable {
    /// No part of it.
    case notPresent
    /// A part that no later frame of it needs.
    case discardable
    /// A part, and a viewer who gets it can go over to the target here.
    case switchPoint
    /// A part that later frames need.
    case required
}

/// The indications of all decode targets, two bits each.
package struct DecodeTargetIndications: Hashable, Sendable {
    private var packed: UInt64 = 0

    init() {}

    /// template_dtis() of one template, or frame_dtis().
    init(_ reader: inout BitReader, targets: Int, of bytes: RawSpan) {
        for target in 0..<targets { packed |= UInt64(reader.bits(2, of: bytes)) << UInt64(truncatingIfNeeded: 2 &* target) }
    }

    /// The targets that the frame is a part of, and those that may be gone over to at it: a bit in every second place, that of target n at 2n.
    package var present: UInt64 { (packed | packed >> 1) & 0x5555_5555_5555_5555 }
    package var switchPoints: UInt64 { packed >> 1 & ~packed & 0x5555_5555_5555_5555 }

    /// Not present beyond the last target.
    package subscript(target: Int) -> DecodeTargetIndication {
        guard (0..<DependencyStructure.maximumTargets).contains(target) else { return .notPresent }
        return DecodeTargetIndication(rawValue: UInt8(packed >> UInt64(truncatingIfNeeded: 2 &* target) & 3)) ?? .notPresent
    }
}

/// How many frames back the frames lie that a frame refers to.
package struct FrameDifferences: Hashable, Sendable {
    /// The syntax sets no limit. No codec refers to more frames (H.264 to 16, AV1 to 7), and a template can name no more different ones.
    package static let maximumCount = 16
    package private(set) var count = 0
    private var values = SIMD16<UInt16>()

    package init() {}

    /// template_fdiffs() of one template: 1 to 16 each. Nil for too many.
    init?(template reader: inout BitReader, of bytes: RawSpan) {
        while reader.flag(of: bytes) {
            guard append(reader.bits(4, of: bytes)) else { return nil }
        }
    }

    /// frame_fdiffs(): 1 to 4096 each. Nil for too many.
    init?(frame reader: inout BitReader, of bytes: RawSpan) {
        while case let size = reader.bits(2, of: bytes), size > 0 {
            guard append(reader.bits(4 &* Int(size), of: bytes)) else { return nil }
        }
    }

    private mutating func append(_ minusOne: UInt32) -> Bool {
        guard count < FrameDifferences.maximumCount else { return false }
        values[count] = UInt16(truncatingIfNeeded: minusOne &+ 1)
        count = count &+ 1
        return true
    }

    /// 0 beyond the last.
    package subscript(index: Int) -> UInt16 { (0..<count).contains(index) ? values[index] : 0 }
}

/// How many frames back the last frame of each chain lies; 0 where a chain needs none.
package struct ChainDifferences: Hashable, Sendable {
    private var values = SIMD32<UInt8>()

    init() {}

    /// template_chains() of one template (4 bits each), or frame_chains() (8 bits each).
    init(_ reader: inout BitReader, chains: Int, width: Int, of bytes: RawSpan) {
        for chain in 0..<chains { values[chain] = UInt8(truncatingIfNeeded: reader.bits(width, of: bytes)) }
    }

    /// 0 beyond the last.
    package subscript(chain: Int) -> UInt8 { (0..<DependencyStructure.maximumTargets).contains(chain) ? values[chain] : 0 }
}
