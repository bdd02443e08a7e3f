import MediaPrimitives

/// Maps the extended sequence numbers of one source to those of one subscriber, without holes where packets were left out on purpose.
///
/// An offset, and which of the latest numbers were left out, so that a packet which arrives late still gets the number that it would have had in
/// order. The bits lie apart (`LeftOutNumbers`), since only what is left out and what comes late touches them.
package struct SequenceMapper: Sendable {
    private var offset: Int64 = 0
    private var first: Int64 = .max
    /// The highest number of the source that was mapped or left out.
    private(set) var highest: Int64 = .max

    /// Maps nothing.
    package init() {}

    /// Begins so that `source` becomes `outgoing`. Earlier numbers than `source` belong to nothing that was sent.
    package init(source: Int64, outgoing: Int64) {
        offset = outgoing &- source
        first = source
        highest = source &- 1
    }

    /// Whether `source` is later than all that were mapped or left out.
    @inline(__always)
    package func isNewest(_ source: Int64) -> Bool { source > highest && source >= first }

    /// The number to send `source` under; nil if it may not be sent (from before the start, or left out).
    @inline(__always)
    package mutating func map(_ source: Int64, _ leftOut: inout LeftOutNumbers) -> Int64? {
        guard source >= first else { return nil }
        if source > highest {
            highest = source
            return source &+ offset
        }
        // Where the count may be short it is better not sent than sent under another packet's number.
        guard let later = leftOut.shift(after: source) else { return nil }
        return source &+ offset &+ later
    }

    /// Leaves `source` out. Only the newest number can be left out without a hole; true if it was. Numbers between the former newest and this one
    /// are merely lost so far, and keep their place, unless they are known to be left out, too: `wholeGap`.
    package mutating func leaveOut(_ source: Int64, wholeGap: Bool = false, _ leftOut: inout LeftOutNumbers) -> Bool {
        guard source > highest else { return false }
        if wholeGap, source &- highest <= LeftOutNumbers.remembered / 2 {
            while highest < source {
                highest &+= 1
                leftOut.append(highest)
                offset &-= 1
            }
            return true
        }
        highest = source
        leftOut.append(source)
        offset &-= 1
        return true
    }

    /// Gives a number to something that is put in behind the newest number of the source: later ones move on, and earlier ones keep their place. Nil
    /// where so much has been put in there already that no more may be.
    package mutating func putIn(_ leftOut: inout LeftOutNumbers) -> Int64? {
        guard first != .max, leftOut.putIn(behind: highest) else { return nil }
        offset &+= 1
        return highestOutgoing
    }

    /// The highest number given out so far, counting those that are on their way.
    package var highestOutgoing: Int64 { highest &+ offset }
}

/// Which of the latest numbers of a source were left out, a bit each; and behind which of them others were put in.
package struct LeftOutNumbers: Sendable {
    static let remembered: Int64 = 512
    /// So many are put in at one place.
    static let mostPutIn: UInt16 = 128
    private static let placesRemembered = 16

    /// So many were put in behind one number of the source.
    private struct Place {
        var number: Int64 = .min
        var count: UInt16 = 0
    }

    /// The latest that was left out.
    private var newest: Int64 = .min
    /// The bit of a number is that of its lowest digits; those of numbers after `newest` mean nothing.
    private var bits = InlineArray<8, UInt64>(repeating: 0)

    /// Where something was put in last, by a count of such places; and the latest that is not remembered any more.
    private var places = InlineArray<16, Place>(repeating: Place())
    private var placeCount = 0
    private var newestPlace: Int64 = .min
    private var forgottenPlace: Int64 = .min

    package init() {}

    // What reads an array in place is `mutating`: a look at the whole copies it.

    /// One more is put in behind `number`, before which nothing was later. False where there are too many.
    mutating func putIn(behind number: Int64) -> Bool {
        let last = placeCount & (LeftOutNumbers.placesRemembered - 1)
        if newestPlace == number, places[last].number == number {
            guard places[last].count < LeftOutNumbers.mostPutIn else { return false }
            places[last].count &+= 1
            return true
        }
        placeCount &+= 1
        let next = placeCount & (LeftOutNumbers.placesRemembered - 1)
        forgottenPlace = max(forgottenPlace, places[next].number)
        places[next] = Place(number: number, count: 1)
        newestPlace = number
        return true
    }

    /// How many were put in behind `number` or later ones; nil if that is too long ago to tell.
    private mutating func countPutIn(after number: Int64) -> Int64? {
        if number > newestPlace { return 0 }
        guard number > forgottenPlace else { return nil }
        var count: Int64 = 0
        for index in 0..<LeftOutNumbers.placesRemembered where places[index].number >= number { count &+= Int64(places[index].count) }
        return count
    }

    /// `number` is left out; later than all before it.
    mutating func append(_ number: Int64) {
        if newest == .min || number &- newest >= LeftOutNumbers.remembered {
            bits = InlineArray(repeating: 0)
        } else {
            var passed = newest &+ 1
            while passed < number {
                clear(passed)
                passed &+= 1
            }
        }
        let digits = UInt64(bitPattern: number)
        bits[Int(digits >> 6 & 7)] |= 1 << (digits & 63)
        newest = number
    }

    private mutating func clear(_ number: Int64) {
        let digits = UInt64(bitPattern: number)
        bits[Int(digits >> 6 & 7)] &= ~(1 << (digits & 63))
    }

    /// By how much later numbers than `number` have moved up: those that were left out, without those that were put in. Nil if it was left out itself,
    /// or if that is too long ago to tell.
    mutating func shift(after number: Int64) -> Int64? {
        guard let leftOut = count(after: number), let putIn = countPutIn(after: number) else { return nil }
        return leftOut &- putIn
    }

    /// How many later numbers than `number` were left out; nil if it was itself, or if that is too long ago to tell.
    private mutating func count(after number: Int64) -> Int64? {
        if number > newest { return 0 }
        // Its place would be another's.
        guard newest &- number < LeftOutNumbers.remembered else { return nil }
        let digits = UInt64(bitPattern: number)
        guard bits[Int(digits >> 6 & 7)] & 1 << (digits & 63) == 0 else { return nil }
        // From the number's own bit to that of the newest, which may lie in a word before it: the ring is walked once around at most.
        var at = UInt64(bitPattern: number)
        var left = newest &- number &+ 1
        var count: Int64 = 0
        while left > 0 {
            let taken = min(left, 64 &- Int64(at & 63))
            let mask = taken == 64 ? UInt64.max : ((1 << UInt64(taken)) &- 1) << (at & 63)
            count &+= Int64((bits[Int(at >> 6 & 7)] & mask).nonzeroBitCount)
            at = at &+ UInt64(taken)
            left &-= taken
        }
        return count
    }
}
