import MediaPrimitives
import RTP

/// Names one payload in a `PayloadRing`: the position it was stored at, which is never used twice. Slot and generation in one number.
@frozen @usableFromInline
package struct PayloadReference: Sendable {
    @usableFromInline package var position: UInt64
    @inlinable package init(position: UInt64) { self.position = position }
}

/// What a packet's header said, kept beside its payload: with both it can be sent again.
package struct PayloadFacts: Sendable {
    package var timestamp: UInt32 = 0
    package var codec = Codec.opus
    package var marker = false
    /// RFC 6464: 0 (loudest) to 127 −dBov; nil when the packet did not say.
    package var audioLevel: UInt8?
    package var voiceActivity = false
    /// Of the dependency descriptor, which lies behind the payload; 0 where there is none.
    package var descriptorLength: UInt8 = 0
    package var layout = DescriptorLayout()

    package init() {}
}

/// The recent payloads of one encoding, held once per worker: what all subscribers are sent from and what is sent again on a NACK.
///
/// Fixed slots in one block, overwritten in order. A reference outlives its payload, and reading it then gives nil; nobody keeps a pointer over
/// another `store`, except to ask whether the slot is still of the same generation.
package final class PayloadRing {
    /// Longest payload kept, in bytes: a datagram is at most 1500, its RTP header at least 12.
    package static let slotSize = 1488

    /// One slot: this, and the payload right behind it.
    struct Slot {
        /// Which payload this is, the slot's generation included.
        var position: UInt64
        var length: UInt16
        /// The source's own number, for who is sent a run of packets from here (`KeyframeReplay`).
        var sequence: UInt16
        var facts: PayloadFacts
    }

    /// Of a slot with its payload: whole cache lines.
    private static let stride = 1536
    private static let payloadOffset = 32

    let mask: UInt64
    private let slab: UnsafeMutableRawPointer
    @exclusivity(unchecked)  // Read and written at one go.
    private(set) var next: UInt64 = 0
    /// The departure queue that keeps this ring for what waits in it; nil when none does.
    @exclusivity(unchecked) var keeper: UnsafeRawPointer?

    /// `capacity` is a power of two. The system commits memory only as slots are used.
    package init(capacity: Int) {
        precondition(capacity > 0 && capacity & (capacity - 1) == 0, "a ring's capacity is a power of two")
        precondition(MemoryLayout<Slot>.size <= PayloadRing.payloadOffset, "a slot begins where its payload does")
        mask = UInt64(capacity - 1)
        slab = .allocate(byteCount: capacity * PayloadRing.stride, alignment: 64)
    }

    deinit { slab.deallocate() }

    /// Copies `payload`, which came as `sequence`, into the next slot, and a dependency `descriptor` behind it; nil if both together are longer than a
    /// slot.
    package func store(
        _ payload: UnsafeRawBufferPointer, _ facts: PayloadFacts = PayloadFacts(), sequence: UInt16 = 0,
        descriptor: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
    ) -> PayloadReference? {
        guard payload.count &+ descriptor.count <= PayloadRing.slotSize else { return nil }
        let position = next
        let place = slab + Int(position & mask) &* PayloadRing.stride
        place.initializeMemory(
            as: Slot.self,
            to: Slot(position: position, length: UInt16(truncatingIfNeeded: payload.count), sequence: sequence, facts: facts))
        if let source = payload.baseAddress { (place + PayloadRing.payloadOffset).copyMemory(from: source, byteCount: payload.count) }
        if let source = descriptor.baseAddress {
            (place + PayloadRing.payloadOffset + payload.count).copyMemory(from: source, byteCount: descriptor.count)
        }
        next = position &+ 1
        return PayloadReference(position: position)
    }

    /// The payload, or nil once it has been overwritten. Valid until the next `store`.
    package func payload(_ reference: PayloadReference) -> UnsafeRawBufferPointer? {
        guard let slot = slot(reference) else { return nil }
        return PayloadRing.payload(in: slot)
    }

    /// The slot that `reference` names; nil once it is another's.
    func slot(_ reference: PayloadReference) -> UnsafePointer<Slot>? {
        guard reference.position < next, next &- reference.position <= mask &+ 1 else { return nil }
        return UnsafePointer((slab + Int(reference.position & mask) &* PayloadRing.stride).assumingMemoryBound(to: Slot.self))
    }

    /// The payload that the lower half of whose position is `lower`, if it is one of the recent ones.
    func reference(lower: UInt32) -> PayloadReference? {
        let age = UInt32(truncatingIfNeeded: next) &- lower
        guard age > 0, UInt64(age) <= min(next, mask &+ 1) else { return nil }
        return PayloadReference(position: next &- UInt64(age))
    }

    @inline(__always)
    static func payload(in slot: UnsafePointer<Slot>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(slot) + payloadOffset, count: Int(slot.pointee.length))
    }

    /// The dependency descriptor that came with it; empty where none did.
    static func descriptor(in slot: UnsafePointer<Slot>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: UnsafeRawPointer(slot) + payloadOffset + Int(slot.pointee.length), count: Int(slot.pointee.facts.descriptorLength))
    }
}
