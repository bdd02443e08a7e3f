import MediaPrimitives

/// Where the newest keyframe of an encoding began, and whether all that has come since lies in the ring: then somebody can begin with it now.
///
/// Each number is taken once, as a payload, which takes the next place in the ring, or as one without: there is no hole where both together are as
/// many as the numbers from the keyframe's to the newest. So the packet path has nothing to do for it.
struct KeyframeRun {
    /// The most numbers: three tenths of a second at 4 Mbit/s, and a quarter of the ring.
    static let longest: Int64 = 128
    /// Of what is sent together the receiver shows the first picture at once, and is behind by as much as the rest lasts until its jitter buffer has
    /// caught up. For as long, a keyframe that is asked for now would not be there: the last one was asked for a moment before it came, and may be again
    /// half a second after that (`KeyframeRequests`).
    private static let longestTime = Interval.milliseconds(300)
    /// Of what stands still, the last picture is the present one; but not when it is older than a picture of the slowest streams takes to follow.
    private static let longestAge = Interval.seconds(1)

    /// The number of its first packet; beyond all others while there is none.
    private(set) var first: Int64 = .max
    /// Where that lies in the ring.
    private(set) var position: UInt64 = 0
    /// When it came.
    private(set) var began = Instant(nanoseconds: 0)
    private(set) var timestamp: UInt32 = 0
    /// Numbers without a payload since then.
    private(set) var padding: Int64 = 0

    init() {}

    /// A keyframe begins with `sequence`, which came in order; another packet of the same picture may seem to begin it once more.
    mutating func begin(_ sequence: Int64, at place: PayloadReference, timestamp: UInt32, _ now: Instant) {
        guard first == .max || timestamp != self.timestamp else { return }
        (first, position, began, padding) = (sequence, place.position, now, 0)
        self.timestamp = timestamp
    }

    /// `sequence`, which has not come before, carries nothing.
    mutating func notePadding(_ sequence: Int64) { if sequence >= first { padding &+= 1 } }

    /// Whether somebody could begin with it, if nothing were missing.
    func isYoung(at now: Instant) -> Bool { first != .max && now - began <= KeyframeRun.longestTime }

    /// How many numbers there are up to `highest`.
    func count(until highest: Int64) -> Int64 { first == .max ? 0 : highest &- first &+ 1 }

    /// Whether all is there up to the number `highest`, the newest, and may be sent together. The last packet came at `lastArrival`.
    func isShort(until highest: Int64, in ring: PayloadRing, lastArrival: Instant, at now: Instant) -> Bool {
        let count = count(until: highest)
        guard count > 0, count <= KeyframeRun.longest, Int64(truncatingIfNeeded: ring.next &- position) &+ padding == count else {
            return false
        }
        return lastArrival - began <= KeyframeRun.longestTime && now - began <= KeyframeRun.longestAge
    }
}
