/// Names one payload in a `PayloadRing`: the position it was stored at, which is never used twice. Slot and generation in one number.
@frozen @usableFromInline
package struct PayloadReference: Sendable {
    @usableFromInline package var position: UInt64
    @inlinable package init(position: UInt64) { self.position = position }
}

/// The recent payloads of one encoding, held once per worker: what all subscribers are sent from and what is sent again on a NACK.
///
/// Fixed slots in one block, overwritten in order. A reference outlives its payload, and reading it then gives nil; nobody keeps a pointer over
/// another `store`.
package final class PayloadRing {
    /// Longest payload kept, in bytes: a datagram is at most 1500, its RTP header at least 12.
    package static let slotSize = 1488

    @usableFromInline let mask: UInt64
    @usableFromInline let slab: UnsafeMutableRawPointer
    @usableFromInline let lengths: UnsafeMutablePointer<UInt16>
    @usableFromInline var next: UInt64 = 0

    /// `capacity` is a power of two. The system commits memory only as slots are used.
    package init(capacity: Int) {
        precondition(capacity > 0 && capacity & (capacity - 1) == 0, "a ring's capacity is a power of two")
        mask = UInt64(capacity - 1)
        slab = .allocate(byteCount: capacity * PayloadRing.slotSize, alignment: 16)
        lengths = .allocate(capacity: capacity)
        lengths.initialize(repeating: 0, count: capacity)
    }

    deinit {
        slab.deallocate()
        lengths.deallocate()
    }

    /// Copies `payload` into the next slot; nil if it is longer than a slot.
    @inlinable package func store(_ payload: UnsafeRawBufferPointer) -> PayloadReference? {
        guard payload.count <= PayloadRing.slotSize else { return nil }
        let slot = Int(next & mask)
        if let source = payload.baseAddress {
            (slab + slot &* PayloadRing.slotSize).copyMemory(from: source, byteCount: payload.count)
        }
        lengths[slot] = UInt16(truncatingIfNeeded: payload.count)
        defer { next &+= 1 }
        return PayloadReference(position: next)
    }

    /// The payload, or nil once it has been overwritten. Valid until the next `store`.
    @inlinable package func payload(_ reference: PayloadReference) -> UnsafeRawBufferPointer? {
        guard reference.position < next, next &- reference.position <= mask &+ 1 else { return nil }
        let slot = Int(reference.position & mask)
        return UnsafeRawBufferPointer(start: slab + slot &* PayloadRing.slotSize, count: Int(lengths[slot]))
    }
}
