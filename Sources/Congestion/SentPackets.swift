import MediaPrimitives

/// What is remembered of each packet that left, by transport-wide sequence number, until feedback tells what became of it.
///
/// A ring of eight bytes a packet, written in order. A number that was never sent, or so long ago that its place has been taken, is nobody's.
package struct SentPackets: ~Copyable {
    /// It grows until it holds so much time: 400 ms of round trip and 100 ms between reports, and some more.
    private static let memory = Interval.milliseconds(600)
    /// 30 Mbit/s to begin with, and 250 at most.
    private static let least = 2_048
    private static let greatest = 16_384

    /// What is known of a packet.
    package enum Fate: UInt8 {
        case unknown, lost, received
        /// Nothing was told of it yet, and it has left again, as it was: what comes of it may be either.
        case repeated
        /// It was told of as lost, and has left again since.
        case lostAndRepeated
    }

    private struct Record {
        /// In units of 2^12 ns; wraps after 4.9 hours.
        package var sentAt: UInt32
        /// 0 for a number that was left out.
        package var bytes: UInt16
        /// The probe cluster that it was sent for; 0 for none.
        package var cluster: UInt8
        package var fate: Fate
    }

    /// A packet that feedback speaks of.
    package struct Packet {
        /// Unwrapped: it only grows.
        package var number: Int64
        package var sentAt: Instant
        package var bytes: Int
        package var cluster: UInt8
        /// What was known of it until now.
        package var fate: Fate
    }

    private var records: UnsafeMutablePointer<Record>?
    /// How many packets are remembered: a power of two.
    package private(set) var capacity = SentPackets.least
    /// When the ring last came round.
    private var cameRoundAt: Instant?
    /// One past the last number that was sent, unwrapped.
    package private(set) var next: Int64 = 0
    /// All bytes noted so far.
    package private(set) var bytes = 0
    /// When the last packet left.
    package private(set) var lastSentAt: Instant?

    package init() {}

    deinit { records?.deallocate() }

    /// Notes a packet that leaves now. Numbers grow, by one as a rule; one from before is not noted.
    package mutating func append(_ number: UInt16, bytes: Int, cluster: UInt8, at now: Instant) {
        let records = records ?? begin(number)
        let ahead = Int64(Int16(truncatingIfNeeded: number &- UInt16(truncatingIfNeeded: next)))
        if ahead != 0 {
            guard ahead > 0 else { return }
            leaveOut(ahead, of: records)
        }
        if slot(next) == 0 { comeRound(at: now) }
        let length = UInt16(truncatingIfNeeded: min(max(bytes, 1), 0xffff))
        (self.records.unsafelyUnwrapped + slot(next)).pointee = Record(
            sentAt: SentPackets.units(now), bytes: length, cluster: cluster, fate: .unknown)
        next &+= 1
        self.bytes &+= Int(length)
        lastSentAt = now
    }

    @inline(never)
    private mutating func begin(_ number: UInt16) -> UnsafeMutablePointer<Record> {
        let new = SentPackets.records(capacity)
        records = new
        // One cycle up, so that no number before it is negative.
        next = Int64(number) &+ 0x1_0000
        return new
    }

    private static func records(_ capacity: Int) -> UnsafeMutablePointer<Record> {
        let new = UnsafeMutablePointer<Record>.allocate(capacity: capacity)
        new.initialize(repeating: Record(sentAt: 0, bytes: 0, cluster: 0, fate: .unknown), count: capacity)
        return new
    }

    /// The oldest packet is about to be forgotten. Where that is too soon, more are remembered from now on.
    @inline(never)
    private mutating func comeRound(at now: Instant) {
        guard let last = cameRoundAt, let former = records, now - last < SentPackets.memory, capacity < SentPackets.greatest else {
            cameRoundAt = now
            return
        }
        // The larger ring comes round for the first time before it is full.
        cameRoundAt = nil
        let new = SentPackets.records(capacity * 2)
        for number in (next &- Int64(capacity))..<next {
            let record = (former + slot(number)).pointee
            (new + Int(truncatingIfNeeded: number) & (capacity * 2 &- 1)).pointee = record
        }
        former.deallocate()
        records = new
        capacity *= 2
    }

    @inline(never)
    private mutating func leaveOut(_ count: Int64, of records: UnsafeMutablePointer<Record>) {
        for number in next..<(next &+ min(count, Int64(capacity))) { (records + slot(number)).pointee.bytes = 0 }
        next &+= count
    }

    /// The packet that was sent as `number`, and notes what is said of it now; nil for one that nobody remembers. What was received stays so.
    package mutating func note(_ fate: Fate, of number: UInt16, at now: Instant) -> Packet? {
        guard let records else { return nil }
        let age = UInt16(truncatingIfNeeded: next &- 1) &- number
        guard age < capacity else { return nil }
        let unwrapped = next &- 1 &- Int64(age)
        let record = records + slot(unwrapped)
        guard record.pointee.bytes > 0 else { return nil }
        let former = record.pointee.fate
        switch former {
        case .unknown, .lost: record.pointee.fate = fate
        case .repeated, .lostAndRepeated: record.pointee.fate = fate == .received ? .received : .lostAndRepeated
        case .received: break
        }
        // The kernel's clock and ours may lie apart by more than a packet takes that goes nowhere.
        let elapsed = Int64(max(0, Int32(bitPattern: SentPackets.units(now) &- record.pointee.sentAt))) << 12
        return Packet(
            number: unwrapped, sentAt: Instant(nanoseconds: now.nanoseconds &- elapsed), bytes: Int(record.pointee.bytes),
            cluster: record.pointee.cluster, fate: former)
    }

    /// The packet that was sent as `number` leaves again, as it was then. Nothing, if it was received or nobody remembers it.
    package mutating func noteRepeated(_ number: UInt16) {
        guard let records, case let age = UInt16(truncatingIfNeeded: next &- 1) &- number, age < capacity else { return }
        let record = records + slot(next &- 1 &- Int64(age))
        switch record.pointee.fate {
        case .unknown: record.pointee.fate = .repeated
        case .lost: record.pointee.fate = .lostAndRepeated
        case .received, .repeated, .lostAndRepeated: break
        }
    }

    private func slot(_ number: Int64) -> Int { Int(truncatingIfNeeded: number) & (capacity &- 1) }
    private static func units(_ now: Instant) -> UInt32 { UInt32(truncatingIfNeeded: now.nanoseconds >> 12) }
}
