import Forwarding
import MediaPrimitives
import Rooms
import Testing

private func at(_ milliseconds: Int) -> Instant { .init(nanoseconds: 5_000_000_000 + Int64(milliseconds) * 1_000_000) }

/// What leaves and is asked for, of streams whose datagrams are noise behind a header.
private final class Subject {
    let repeats: SealedRepeats
    private let noise = Entropy.seeded(7)
    /// Every datagram that was kept, by stream and number.
    private var kept: [UInt64: [UInt8]] = [:]
    private(set) var sent: [(datagram: [UInt8], isSound: Bool, number: UInt16?)] = []

    init(_ extent: SealedRepeats.Extent, ssrcs: [UInt32]) {
        repeats = SealedRepeats(extent)
        repeats.ssrcs = ssrcs.map { SSRC($0) }
    }

    private func key(_ sequence: UInt16, _ ssrc: UInt32) -> UInt64 { UInt64(ssrc) << 16 | UInt64(sequence) }

    /// As it was kept; nil where it never was.
    func original(_ sequence: UInt16, of ssrc: UInt32 = 1) -> [UInt8]? { kept[key(sequence, ssrc)] }

    func keep(
        _ sequence: UInt16, of ssrc: UInt32, bytes: Int = 1_000, number: UInt16? = nil, isSound: Bool = false, at now: Instant = at(0)
    ) {
        var datagram = noise.bytes(bytes)
        datagram[0] = 0x80
        for index in 0..<2 { datagram[2 + index] = UInt8(truncatingIfNeeded: sequence >> (8 - 8 * UInt16(index))) }
        for index in 0..<4 { datagram[8 + index] = UInt8(truncatingIfNeeded: ssrc >> (24 - 8 * UInt32(index))) }
        kept[key(sequence, ssrc)] = datagram
        datagram.withUnsafeBytes { repeats.keep($0, number: number, isSound: isSound, at: now) }
    }

    func want(_ sequence: UInt16, of ssrc: UInt32, insisting: Insistence = Insistence(), at now: Instant = at(0)) {
        repeats.want(sequence, of: SSRC(ssrc), insisting: insisting, at: now)
    }

    /// Sends what waits, `room` datagrams at most; those.
    @discardableResult
    func send(room: Int = .max, at now: Instant = at(0)) -> [[UInt8]] {
        let before = sent.count
        repeats.sendWanted(at: now) { again in
            guard sent.count - before < room else { return false }
            sent.append((Array(again.datagram), again.isSound, again.number))
            return true
        }
        return sent[before...].map(\.datagram)
    }
}

@Suite("What is sent again as it was") struct SealedRepeatsTests {
    @Test("what is found is what was kept, to the byte, however often the rings come round, and the newest are always there")
    func kept() {
        let subject = Subject(.pictures, ssrcs: [11, 12, 0xffff_fffe])
        let chance = Entropy.seeded(3)
        var found = 0
        var everAsked: Set<UInt64> = []
        // One number is at its wrap, and streams lie side by side.
        var next: [UInt32: UInt16] = [11: 65_000, 12: 65_001, 0xffff_fffe: 0]
        for round in 0..<6_000 {
            let ssrc = [11, 12, 0xffff_fffe][Int(chance.next() % 3)] as UInt32
            let sequence = next[ssrc, default: 0]
            next[ssrc] = sequence &+ 1
            subject.keep(sequence, of: ssrc, bytes: 40 + Int(chance.next() % 1_400), at: at(round))
            guard round % 3 == 0 else { continue }
            // A hundred of the newest of each stream are there at least; of those before, some may be.
            let back = UInt16(chance.next() % 700)
            let other = [11, 12, 0xffff_fffe][Int(chance.next() % 3)] as UInt32
            let asked = next[other, default: 0] &- 1 &- back
            let isNew = everAsked.insert(UInt64(other) << 16 | UInt64(asked)).inserted
            subject.want(asked, of: other, at: at(round))
            let sent = subject.send(at: at(round))
            #expect(sent.count <= 1)
            if let datagram = sent.first {
                found += 1
                #expect(datagram == subject.original(asked, of: other))
            } else if isNew, back < 90, subject.original(asked, of: other) != nil {
                Issue.record("\(back) numbers ago, and gone")
            }
        }
        #expect(found > 300)
    }

    @Test("one stream has 470 datagrams of 1,100 bytes, and of sound 32 of 512", arguments: [false, true])
    func extent(isSound: Bool) {
        let subject = Subject(isSound ? .sound : .pictures, ssrcs: [1])
        let (bytes, count) = isSound ? (512, 32) : (1_100, 470)
        for sequence in 0..<2_000 as Range<UInt16> { subject.keep(sequence, of: 1, bytes: bytes, isSound: isSound) }
        subject.want(2_000 - UInt16(count), of: 1)
        #expect(subject.send().count == 1)
        subject.want(2_000 - 520, of: 1)
        if isSound { subject.want(2_000 - 33, of: 1) }
        #expect(subject.send().isEmpty)
    }

    @Test("streams that are not kept are not found, nor is what never left or is no packet")
    func strangers() {
        let subject = Subject(.pictures, ssrcs: [1])
        subject.keep(5, of: 2)
        [1, 2, 3].withUnsafeBytes { subject.repeats.keep($0, isSound: false, at: at(0)) }
        for sequence in 0...65_535 as ClosedRange<UInt16> { subject.want(sequence, of: 1) }
        subject.keep(5, of: 1)
        for sequence in 0...65_535 as ClosedRange<UInt16> where sequence != 5 {
            subject.want(sequence, of: 1)
            subject.want(sequence, of: 2)
        }
        #expect(subject.repeats.wanted == 0 && subject.send().isEmpty)
    }

    @Test(
        "one datagram is sent again a few times, no closer than 30 ms, however often it is asked for", arguments: [(true, 3), (false, 6)])
    func repeats(isSound: Bool, most: Int) {
        let subject = Subject(isSound ? .sound : .pictures, ssrcs: [1])
        subject.keep(9, of: 1, bytes: 200, number: 77, isSound: isSound)
        var times: [Int] = []
        for millisecond in 0..<1_000 {
            for _ in 0..<5 { subject.want(9, of: 1, at: at(millisecond)) }
            let count = subject.send(at: at(millisecond)).count
            #expect(count <= 1)
            if count == 1 { times.append(millisecond) }
        }
        #expect(times.count == most)
        #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 >= 30 })
        #expect(subject.sent.allSatisfy { $0.number == 77 && $0.isSound == isSound })
    }

    @Test("pictures that are sent again keep to a budget, and sound comes all the same")
    func budget() {
        let subject = Subject(.pictures, ssrcs: [1, 2])
        // A second at 2 Mbit/s, and every number is asked for again and again.
        for step in 0..<1_000 {
            let now = at(step)
            if step % 4 == 0 { subject.keep(UInt16(step / 4), of: 1, at: now) }
            if step % 20 == 0 { subject.keep(UInt16(step / 20), of: 2, bytes: 150, isSound: true, at: now) }
            for back in 0..<250 {
                if step / 4 >= back { subject.want(UInt16(step / 4 - back), of: 1, at: now) }
            }
            subject.want(UInt16(step / 20), of: 2, at: now)
            subject.send(at: now)
        }
        let pictures = subject.sent.filter { !$0.isSound }.reduce(0) { $0 + $1.datagram.count }
        // What there is in the beginning, a share of what was sent, and what a second gives; one datagram more.
        #expect(pictures > 150_000 && pictures <= 128_000 + 250_000 / 4 + 64_000 + 4_000, "\(pictures)")
        #expect(subject.sent.count { $0.isSound } >= 50)
    }

    @Test("who insists, and has had the time to get the answer, is sent copies; not the first time, and not of sound")
    func copies() {
        let insisting = Insistence(copies: 3, answered: .milliseconds(60))
        let subject = Subject(.pictures, ssrcs: [1, 2])
        subject.keep(1, of: 1)
        subject.keep(1, of: 2, isSound: true)
        var counts: [[Int]] = []
        for millisecond in [0, 40, 100] {
            var row: [Int] = []
            for ssrc in [1, 2] as [UInt32] {
                subject.want(1, of: ssrc, insisting: insisting, at: at(millisecond))
                row.append(subject.send(at: at(millisecond)).count)
            }
            counts.append(row)
        }
        #expect(counts == [[1, 1], [1, 1], [3, 1]])
    }

    @Test("what finds no room waits, and goes on where it stopped; what has been written over meanwhile is left out")
    func waiting() {
        let subject = Subject(.pictures, ssrcs: [1])
        for sequence in 0..<10 as Range<UInt16> { subject.keep(sequence, of: 1) }
        for sequence in 0..<10 as Range<UInt16> { subject.want(sequence, of: 1) }
        #expect(subject.repeats.wanted == 10)
        let first = subject.send(room: 4)
        #expect(first == (0..<4).compactMap { subject.original($0) })
        #expect(subject.repeats.wanted == 6)
        // The next ones take the place of all but the last three.
        for sequence in 10..<(7 + 512) as Range<UInt16> { subject.keep(sequence, of: 1, bytes: 100) }
        #expect(subject.send() == (7..<10).compactMap { subject.original($0) })
        #expect(subject.repeats.wanted == 0)
        // What is forgotten may be asked for again.
        subject.want(518, of: 1)
        subject.repeats.forgetWanted()
        #expect(subject.send().isEmpty)
        subject.want(518, of: 1)
        #expect(subject.send().count == 1)
    }

    @Test("no more wait than are kept, though what waits is written over again and again")
    func overflow() {
        let subject = Subject(.sound, ssrcs: [1])
        for sequence in 0..<500 as Range<UInt16> {
            subject.keep(sequence, of: 1, bytes: 100, isSound: true)
            subject.want(sequence, of: 1)
        }
        #expect(subject.repeats.wanted == 32)
        // Of those that waited first none is left.
        #expect(subject.send().isEmpty && subject.repeats.wanted == 0)
        subject.want(499, of: 1)
        #expect(subject.send().count == 1)
    }
}
