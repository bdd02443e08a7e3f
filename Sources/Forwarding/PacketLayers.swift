import RTP

/// What the dependency descriptor of one packet tells.
struct DescriptorFacts {
    /// The numbering of decode targets; nil where the descriptor cannot be read: its structure was lost, or it is none.
    var numbers: UnsafePointer<DecodeTargets>?
    /// The targets that may be gone over to at its frame.
    var switches: UInt64 = 0
    var frameNumber: UInt16 = 0
    var differences = FrameDifferences()
    /// The encoding's keyframes are told by descriptors: one was readable once. Then payloads are not asked, which may be encrypted.
    var tellsKeyframes = false
    /// It came with a structure, whose templates have these ids, the end not included.
    var bringsStructure = false
    var templateStart: UInt8 = 0
    var templateEnd: UInt8 = 0
    var layout = DescriptorLayout()
    /// It lies behind the payload in the ring.
    var length: UInt8 = 0
}

/// What one packet is among the layers of its encoding: worked out once, and compared with what each subscriber gets.
///
/// A subscriber gets one *decode target*: the layers up to a spatial and a temporal one. Targets are bits. Where the dependency descriptor tells of
/// them, target n is bit 2n; otherwise that of spatial layer s and temporal layer t is bit 8s + t.
package struct PacketLayers {
    package var spatialID: UInt8 = 0
    package var temporalID: UInt8 = 0
    /// Of a frame: one spatial layer of a picture.
    package var startsFrame = false
    package var endsFrame = false
    /// The first packet of a picture, come in order.
    package var startsPicture = false
    /// It starts a picture that needs no other.
    package var startsKeyPicture = false
    /// VP8's Y, VP9's U: its temporal layer can be entered here.
    package var isSwitchPoint = false
    /// VP9's U, which means all layers above this one's, too (RFC 9628 §4.2).
    package var opensHigherLayers = false
    /// The highest layers that its encoding has.
    package var maximumSpatial: UInt8 = 0
    package var maximumTemporal: UInt8 = 0
    /// A lower spatial layer is entered at a key picture only, for it is not sent to those who get a higher one.
    package var isKeySVC = false
    /// The decode targets that its frame is a part of.
    package var targets: UInt64 = .max
    /// Those of which it ends the picture: the marker belongs here.
    package var ends: UInt64 = 0
    /// Which numbering of targets it speaks of; 0 for the one by layers.
    package var numbering: UInt32 = 0
    /// What its dependency descriptor tells; nil where it has none. Valid until the encoding receives the next packet.
    var descriptor: UnsafePointer<DescriptorFacts>?

    package init() {}

    /// Of sound: every packet is a frame, and needs no other.
    static var single: PacketLayers {
        var layers = PacketLayers()
        (layers.startsFrame, layers.endsFrame, layers.startsPicture, layers.startsKeyPicture) = (true, true, true, true)
        return layers
    }

    /// Not everybody gets it, or not everybody alike.
    var isLayered: Bool { targets != .max || ends != 0 || descriptor != nil }

    /// Its dependency descriptor could be read, or it has none.
    var isReadable: Bool { descriptor == nil || numbers != nil }

    /// The numbering of targets; nil for the one by layers.
    var numbers: UnsafePointer<DecodeTargets>? { descriptor?.pointee.numbers }

    /// The target of `spatial` and `temporal`, or the best below them, as a bit.
    func target(spatial: Int8, temporal: Int8) -> UInt64 {
        if let numbers { return numbers.pointee.bit(spatial: spatial, temporal: temporal) }
        return PacketLayers.bit(spatial: spatial, temporal: temporal)
    }

    /// In the numbering by layers.
    static func bit(spatial: Int8, temporal: Int8) -> UInt64 { 1 << (UInt64(spatial & 7) << 3 | UInt64(temporal & 7)) }

    /// All targets that reach as high, in the numbering by layers.
    static func targets(spatial: UInt8, temporal: UInt8) -> UInt64 {
        row(temporal) & .max << (UInt64(spatial & 7) << 3)
    }

    /// Those whose spatial layer is just this one.
    static func targets(onlySpatial spatial: UInt8, temporal: UInt8) -> UInt64 {
        row(temporal) & 0xff << (UInt64(spatial & 7) << 3)
    }

    private static func row(_ temporal: UInt8) -> UInt64 { (0xff << UInt64(temporal & 7) & 0xff) &* 0x0101_0101_0101_0101 }
}
