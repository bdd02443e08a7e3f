import MediaPrimitives
import RTP

/// One media section as a subscriber receives it: its own SSRC, sequence numbers, timestamps and codec numbers, whatever the source does.
///
/// `align` starts a source (or another encoding of it), `forward` rewrites a packet into the departure queue, `resend` answers a NACK.
package final class SendStream {
    package let ssrc: SSRC
    package let rtxSSRC: SSRC?
    package let kind: MediaKind
    package let mid: String
    /// What a packet touches. Valid for as long as the stream is; whoever keeps it keeps the stream.
    package let leg: UnsafeMutablePointer<Leg>
    /// What the leg's headers and payload types were made of.
    private var negotiated: (codecs: [CodecParameters], extensions: HeaderExtensionMap)

    /// `parameters.streams` names our SSRCs.
    package init(_ parameters: RTPParameters, entropy: Entropy) {
        mid = parameters.mid
        ssrc = parameters.streams.first?.ssrc ?? entropy.ssrc()
        rtxSSRC = parameters.streams.first?.rtxSSRC
        kind = parameters.kind
        negotiated = (parameters.codecs, parameters.extensions)
        // The fan-out reads three cache lines of it.
        leg = UnsafeMutableRawPointer.allocate(byteCount: MemoryLayout<Leg>.size, alignment: 64).bindMemory(to: Leg.self, capacity: 1)
        leg.initialize(to: Leg(parameters, ssrc: ssrc, rtxSSRC: rtxSSRC, entropy: entropy))
    }

    deinit {
        leg.deinitialize(count: 1)
        leg.deallocate()
    }

    /// Takes the payload types and extension ids of a later negotiation. SSRCs and numbers stay as they are, whatever it says of them.
    package func update(_ parameters: RTPParameters) {
        guard negotiated != (parameters.codecs, parameters.extensions) else { return }
        negotiated = (parameters.codecs, parameters.extensions)
        leg.pointee.update(parameters)
    }

    /// Packets and bytes of payload sent, without those sent again; both wrap.
    package var packetsSent: UInt32 { leg.pointee.packetsSent }
    package var octetsSent: UInt32 { leg.pointee.octetsSent }

    /// Whether this subscriber agreed to `codec`.
    package func accepts(_ codec: Codec) -> Bool { leg.pointee.payloadTypes.payloadType(codec) != nil }

    /// The packets sent so far come from a source that is gone, or their section is: they cannot be sent again, and take no memory.
    package func forgetHistory() { leg.pointee.forgetHistory() }

    /// Aligns all numbers so that `packet`, the first of a source, follows what was sent. `elapsed` is the source's own time between the last
    /// packet sent and this one, where sender reports tell it; otherwise arrival times stand in.
    package func align(to packet: MediaPacket, elapsed: Interval?) { leg.pointee.align(to: packet, elapsed: elapsed) }

    /// The source's timestamp of the newest packet sent, for `align`'s elapsed time.
    package var lastSourceTimestamp: UInt32? { leg.pointee.lastSourceTimestamp }

    /// This stream's timestamp for a timestamp of the source.
    package func timestamp(ofSource timestamp: UInt32) -> UInt32 { leg.pointee.timestamp(ofSource: timestamp) }

    /// Sends the packet that went out as `sequence` again, on the RTX stream (RFC 4588); false if it is not known any more, came too soon after
    /// the last time, or exceeds the budget. `ring` gives the ring of a layer. `insisting` says how a repeated request is answered.
    package func resend(
        _ sequence: UInt16, insisting: Insistence = Insistence(), at now: Instant, ring: (Int) -> PayloadRing?, transport: Int,
        into queue: inout DepartureQueue
    ) -> Bool {
        leg.pointee.resend(sequence, insisting: insisting, at: now, ring: ring, transport: transport, into: &queue)
    }
}
