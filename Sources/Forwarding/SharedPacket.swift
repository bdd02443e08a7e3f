import MediaPrimitives
import RTP

/// One media packet with what its fan-out needs for every subscriber, worked out once: plain values, and the place of its payload.
package struct SharedPacket {
    package let layer: Int
    package let epoch: UInt32
    let slot: UnsafePointer<PayloadRing.Slot>
    let payload: PayloadReference
    let length: Int
    let sequence: Int64
    let timestamp: UInt32
    let arrival: Instant
    let codec: Codec
    /// As the highest bit of a header's second byte.
    private(set) var marker: UInt8
    let hasLevel: Bool
    /// As the extension has it (RFC 6464 §3).
    let level: UInt8
    let prefix: PayloadPrefix
    /// Not everybody gets it, or not everybody alike.
    private(set) var isLayered: Bool
    let layers: PacketLayers
    /// Of redundant audio: the primary's payload type at its source, and where it begins.
    private(set) var primaryType: UInt8 = 0
    private(set) var primaryOffset: UInt16 = 0

    /// Nil once the payload is gone from `ring`.
    package init?(_ packet: MediaPacket, in ring: borrowing PayloadRing) {
        guard let slot = ring.slot(packet.payload) else { return nil }
        self.slot = slot
        payload = packet.payload
        length = Int(slot.pointee.length)
        layer = packet.layer
        epoch = packet.epoch
        sequence = packet.sequence
        timestamp = packet.timestamp
        arrival = packet.arrival
        codec = packet.codec
        marker = packet.marker ? 0x80 : 0
        hasLevel = packet.audioLevel != nil
        level = rfc6464(packet.audioLevel, packet.voiceActivity)
        layers = packet.layers
        isLayered = packet.layers.isLayered
        switch packet.descriptor {
        case .vp8(let descriptor): prefix = PayloadPrefix(descriptor, of: PayloadRing.payload(in: slot))
        case .vp9(let descriptor): prefix = PayloadPrefix(descriptor, of: PayloadRing.payload(in: slot))
        case .redundant(let audio):
            prefix = PayloadPrefix()
            // Not everybody gets it alike.
            isLayered = true
            primaryType = audio.primaryType
            primaryOffset = UInt16(truncatingIfNeeded: audio.primaryOffset)
        case .empty, .opaque, .h264, .av1, .malformed: prefix = PayloadPrefix()
        }
    }

    /// The same with its marker set, which of sound says that a talkspurt begins (RFC 3551 §4.1).
    package var beginningTalkspurt: SharedPacket {
        var copy = self
        copy.marker = 0x80
        return copy
    }
}

/// An audio level and the voice flag in one byte (RFC 6464 §3).
func rfc6464(_ audioLevel: UInt8?, _ voiceActivity: Bool) -> UInt8 { (audioLevel ?? 0) & 0x7f | (voiceActivity ? 0x80 : 0) }
