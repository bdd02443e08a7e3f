/// The SSRCs of one direction and what is kept for each, in flat memory: it grows when a stream comes and is not touched otherwise.
///
/// A removed SSRC stays refused: its numbers are gone, and beginning them again under the same keys would accept replays or use nonces again.
struct SRTPStreams<Stream: BitwiseCopyable>: ~Copyable {
    private var ssrcs: UnsafeMutablePointer<UInt32> = .allocate(capacity: 0)
    private var streams: UnsafeMutablePointer<Stream> = .allocate(capacity: 0)
    private var count = 0
    private var capacity = 0
    /// Where the last one asked for is: packets come in runs.
    private var last = 0
    private var removed: Set<UInt32> = []

    init() {}

    deinit {
        ssrcs.deallocate()
        streams.deallocate()
    }

    /// Where the SSRCs lie, and what is kept for them, until the next `add`.
    var ssrcAddress: UnsafeRawPointer { UnsafeRawPointer(ssrcs) }
    var streamAddress: UnsafeRawPointer { UnsafeRawPointer(streams) }

    /// What is kept for `ssrc`, until the next `add` or `remove`; nil for one that is not known.
    @inline(__always)
    mutating func find(_ ssrc: UInt32) -> UnsafeMutablePointer<Stream>? {
        if last < count, ssrcs[last] == ssrc { return streams + last }
        return search(ssrc)
    }

    private mutating func search(_ ssrc: UInt32) -> UnsafeMutablePointer<Stream>? {
        for place in 0..<count where ssrcs[place] == ssrc {
            last = place
            return streams + place
        }
        return nil
    }

    /// Whether one that is not known may become so.
    func admits(_ ssrc: UInt32) -> Bool { count < SRTPSession.maximumStreams && !removed.contains(ssrc) }

    /// Adds one that was admitted.
    mutating func add(_ ssrc: UInt32, _ stream: Stream) {
        if count == capacity { grow() }
        ssrcs[count] = ssrc
        (streams + count).initialize(to: stream)
        last = count
        count += 1
    }

    private mutating func grow() {
        let wanted = max(2, 2 * capacity)
        let (ssrcs, streams) = (
            UnsafeMutablePointer<UInt32>.allocate(capacity: wanted), UnsafeMutablePointer<Stream>.allocate(capacity: wanted)
        )
        ssrcs.update(from: self.ssrcs, count: count)
        streams.update(from: self.streams, count: count)
        self.ssrcs.deallocate()
        self.streams.deallocate()
        (self.ssrcs, self.streams, capacity) = (ssrcs, streams, wanted)
    }

    /// Does nothing when it is not known, or when the memory of removed ones is full; it then stays.
    mutating func remove(_ ssrc: UInt32) {
        guard let place = (0..<count).first(where: { ssrcs[$0] == ssrc }), removed.count < 256 * SRTPSession.maximumStreams else { return }
        removed.insert(ssrc)
        count -= 1
        ssrcs[place] = ssrcs[count]
        streams[place] = streams[count]
    }
}
