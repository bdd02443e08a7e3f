import MediaPrimitives
import RTP

/// The immutable facts about one received media packet, which every subscription decides and rewrites from.
package struct MediaPacket {
    package var payload: PayloadReference
    /// Extended sequence number of the source.
    package var sequence: Int64
    package var timestamp: UInt32
    package var marker: Bool
    package var codec: Codec
    package var descriptor: PayloadDescriptor
    /// RFC 6464: 0 (loudest) to 127 −dBov and the voice flag; nil when the packet did not say.
    package var audioLevel: UInt8?
    package var voiceActivity: Bool
    package var arrival: Instant
    /// Which encoding of its publication it belongs to.
    package var layer: Int
    /// Counts the SSRCs that the encoding has had: another epoch is another sequence and timestamp space.
    package var epoch: UInt32

    /// Whether a subscriber may begin here: a keyframe's first packet that came in order, or any packet of audio. What followed one that came
    /// late has been passed by already.
    package var isSwitchPoint: Bool

    /// What it is among the layers of its encoding.
    package var layers = PacketLayers()
}
