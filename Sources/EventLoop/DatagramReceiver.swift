import CNetwork

/// What the sockets of a loop read with, one at a time: slots for the kernel to fill, and the batch that callbacks are given.
final class DatagramReceiver {
    /// What one system call brings at most.
    static let slots = 64
    /// Room for a run (UDP_GRO); the system commits only the pages that are used.
    private static let slotSize = 65_535
    /// Slots exactly 64 KB apart would compete for the same lines of the caches.
    static let stride = 65_536 + 2_048

    /// As many entries as slots, so that a batch stays small: of runs it takes several.
    let batch = ReceiveBatch(slabSize: DatagramReceiver.slots * DatagramReceiver.stride, capacity: DatagramReceiver.slots)
    private let receiver: OpaquePointer
    /// A socket's callback has the batch.
    var isLent = false

    /// Nil without memory.
    init?() {
        guard
            let receiver = apus_receiver_create(
                batch.slab, UInt32(DatagramReceiver.slots), UInt32(DatagramReceiver.slotSize), UInt32(DatagramReceiver.stride))
        else { return nil }
        self.receiver = receiver
    }

    deinit { apus_receiver_destroy(receiver) }

    /// How many slots were filled, or a negated errno; `drops` as the socket's own record of them.
    func receive(from descriptor: Int32, drops: inout UInt32) -> Int { Int(apus_receive(receiver, descriptor, &drops)) }

    /// What is in a slot that was filled.
    func slot(_ index: Int) -> apus_datagram { apus_received(receiver)[index] }
}
