/// The participants of a unit by slot.
struct ParticipantTable {
    private var places: ContiguousArray<Participant?> = []
    private var free: [Int] = []

    /// How many slots there are, taken or not.
    var count: Int { places.count }

    /// All who are here, by slot.
    var all: some Sequence<Participant> { places.lazy.compactMap { $0 } }

    subscript(slot: Int) -> Participant? { slot < places.count ? places[slot] : nil }

    /// A slot for a newcomer, who is then `put` there.
    mutating func takeSlot() -> Int {
        if let slot = free.popLast() { return slot }
        places.append(nil)
        return places.count - 1
    }

    mutating func put(_ participant: Participant) { places[participant.slot] = participant }

    mutating func remove(_ participant: Participant) {
        places[participant.slot] = nil
        free.append(participant.slot)
    }

    /// Who is at `slot`, without a reference counted: for the packet path, which looks somebody up for each packet.
    ///
    /// Whoever borrows must be done before anybody is removed: only events of a transport remove somebody, and they are read when a packet has been
    /// dealt with.
    @inline(__always)
    func borrow(_ slot: Int) -> Unmanaged<Participant>? {
        guard slot < places.count, let participant = places[slot] else { return nil }
        return Unmanaged.passUnretained(participant)
    }
}
