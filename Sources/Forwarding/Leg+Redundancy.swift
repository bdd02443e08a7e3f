import RTP

extension Leg {
    /// Whether this subscriber is sent redundant audio whole: it has agreed to it, and what the blocks say of their codec is true for it, too. Otherwise it
    /// is sent the primary, as Opus.
    func passesRedundancy(primaryType: UInt8) -> Bool {
        payloadTypes.payloadType(.red) != nil && payloadTypes.payloadType(.opus) == primaryType
    }

    /// Sound with older frames in it (RFC 2198).
    @inline(never)
    mutating func sendRedundant(_ packet: SharedPacket, transport: Int32, into queue: inout DepartureQueue) {
        if passesRedundancy(primaryType: packet.primaryType) {
            send(packet, transport: transport, into: &queue)
        } else {
            send(packet, primaryOnly: true, transport: transport, into: &queue)
        }
    }
}
