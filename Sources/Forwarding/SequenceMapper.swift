import MediaPrimitives

/// Maps the extended sequence numbers of one source to those of one subscriber, without holes where packets were left out on purpose.
///
/// An offset, and the latest left-out numbers, so that a packet which arrives late still gets the number that it would have had in order.
package struct SequenceMapper: Sendable {
    private static let remembered = 64

    private var offset: Int64 = 0
    private var first: Int64 = .max
    private var highest: Int64 = .max
    /// Left-out source numbers, ascending; the oldest are forgotten.
    private var leftOut: [Int64] = []

    /// Maps nothing.
    package init() {}

    /// Begins so that `source` becomes `outgoing`. Earlier numbers than `source` belong to nothing that was sent.
    package init(source: Int64, outgoing: Int64) {
        offset = outgoing &- source
        first = source
        highest = source &- 1
    }

    /// The number to send `source` under; nil if it may not be sent (from before the start, or left out).
    package mutating func map(_ source: Int64) -> Int64? {
        guard source >= first else { return nil }
        if source > highest {
            highest = source
            return source &+ offset
        }
        var later: Int64 = 0
        for dropped in leftOut.reversed() {
            if dropped == source { return nil }
            if dropped < source { break }
            later &+= 1
        }
        // Before the oldest remembered one the count may be short: better not sent than sent under another packet's number.
        if leftOut.count == SequenceMapper.remembered, let oldest = leftOut.first, source < oldest { return nil }
        return source &+ offset &+ later
    }

    /// Leaves `source` out. Only the newest number can be left out without a hole; true if it was.
    package mutating func leaveOut(_ source: Int64) -> Bool {
        guard source > highest else { return false }
        // Numbers between are merely lost so far, and keep their place.
        highest = source
        if leftOut.count == SequenceMapper.remembered { leftOut.removeFirst() }
        leftOut.append(source)
        offset &-= 1
        return true
    }

    /// The highest number given out so far, counting those that are on their way.
    package var highestOutgoing: Int64 { highest &+ offset }
}
