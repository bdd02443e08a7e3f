import CPrefetch
import MediaSecurity
import Transports

/// Where that lies which sending to somebody touches, so that it can be asked for before it is needed: of a thousand participants, little stays in the
/// cache from one turn to the next, and each object would only be found by reading the one before it.
///
/// Only hints: nothing is read by these addresses, and one that is out of date costs no more than its cache line.
struct SendingMemory {
    private static let line = 64

    private var participant: UnsafeRawPointer?
    private var transport: UnsafeRawPointer?
    private var downlink: UnsafeRawPointer?
    private var security: SRTPSession.SendingMemory?

    init(of participant: Participant) {
        self.participant = UnsafeRawPointer(Unmanaged.passUnretained(participant).toOpaque())
        transport = UnsafeRawPointer(Unmanaged.passUnretained(participant.transport).toOpaque())
        downlink = withUnsafeMutablePointer(to: &participant.downlink) { UnsafeRawPointer($0) }
        security = participant.transport.sendingMemory
    }

    /// Asks for all of it.
    @inline(__always)
    func prefetch() {
        guard let participant, let transport, let downlink else { return }
        prefetch_to_write(participant)
        prefetch_to_write(participant + SendingMemory.line)
        prefetch_to_write(transport)
        prefetch_to_write(transport + SendingMemory.line)
        // Pacer, what is held, and the estimator's beginning.
        for line in 0..<6 { prefetch_to_write(downlink + line &* SendingMemory.line) }
        security?.prefetch()
    }
}

/// Of each participant, by slot. Flat memory: a lookup counts no reference.
struct SendingMemoryTable: ~Copyable {
    private var places: UnsafeMutablePointer<SendingMemory?> = .allocate(capacity: 0)
    private var capacity = 0

    init() {}

    deinit { places.deallocate() }

    /// Notes where it lies now.
    mutating func note(_ participant: Participant) {
        if participant.slot >= capacity { grow(toHold: participant.slot) }
        places[participant.slot] = SendingMemory(of: participant)
    }

    /// Asks for that of whoever is at `slot`, or was there last.
    @inline(__always)
    func prefetch(_ slot: Int) { if slot >= 0, slot < capacity { places[slot]?.prefetch() } }

    private mutating func grow(toHold slot: Int) {
        let wanted = max(64, 2 * slot)
        let grown = UnsafeMutablePointer<SendingMemory?>.allocate(capacity: wanted)
        grown.update(from: places, count: capacity)
        (grown + capacity).initialize(repeating: nil, count: wanted - capacity)
        places.deallocate()
        (places, capacity) = (grown, wanted)
    }
}
