import MediaPrimitives
import RTP

/// The packets of an encoding from its newest keyframe to now, once more and in the order of their numbers, as if they came at this moment: for
/// somebody who begins with them.
///
/// What they are among the layers is observed anew, so that nothing of it has to be kept: all that is needed of that is in the payloads and the
/// descriptors, of which a keyframe brings what the later ones build upon.
package struct KeyframeReplay: ~Copyable {
    /// One number of the source.
    package enum Step {
        case media(MediaPacket)
        /// It carried nothing.
        case padding(sequence: Int64)
    }

    private let ring: PayloadRing
    private let run: KeyframeRun
    private let lastArrival: Instant
    private let layer: Int
    private let epoch: UInt32
    private var observer: LayerObserver
    /// The place of each number, counted from the keyframe's, and 1; 0 for none.
    private var places = InlineArray<128, UInt8>(repeating: 0)
    private let count: Int
    private var done = 0
    /// How many packets there are.
    package private(set) var packets = 0
    /// Bytes of payload behind the keyframe, which has to be sent in any case.
    package private(set) var bytesBehind = 0

    /// Nil where something is missing after all.
    init?(
        _ run: KeyframeRun, until highest: Int64, lastArrival: Instant, in ring: PayloadRing, like observer: borrowing LayerObserver,
        layer: Int, epoch: UInt32
    ) {
        self.ring = ring
        self.run = run
        self.lastArrival = lastArrival
        self.layer = layer
        self.epoch = epoch
        self.observer = LayerObserver(like: observer)
        count = Int(min(run.count(until: highest), KeyframeRun.longest))
        let first = UInt16(truncatingIfNeeded: run.first)
        for place in 0..<Int(truncatingIfNeeded: ring.next &- run.position) {
            guard place < count, let slot = ring.slot(PayloadReference(position: run.position &+ UInt64(place))) else { return nil }
            // One that was sent again before it came may lie behind the newest number.
            let number = Int(slot.pointee.sequence &- first)
            guard number < count, places[number] == 0 else { return nil }
            places[number] = UInt8(truncatingIfNeeded: place &+ 1)
            packets &+= 1
            if slot.pointee.facts.timestamp != run.timestamp { bytesBehind &+= Int(slot.pointee.length) }
        }
        guard packets &+ Int(run.padding) == count, places[0] != 0 else { return nil }
    }

    /// The next number; nil after the last. A packet is valid until the next one is asked for.
    package mutating func next() -> Step? {
        guard done < count else { return nil }
        let number = done
        done &+= 1
        let sequence = run.first &+ Int64(number)
        guard places[number] > 0 else { return .padding(sequence: sequence) }
        let reference = PayloadReference(position: run.position &+ UInt64(places[number] &- 1))
        // Nothing is stored meanwhile.
        guard let slot = ring.slot(reference) else { return nil }
        let facts = slot.pointee.facts
        let descriptor = PayloadDescriptor.parse(codec: facts.codec, payload: PayloadRing.payload(in: slot).bytes)
        let layers = observer.observe(
            descriptor, descriptor: PayloadRing.descriptor(in: slot), timestamp: facts.timestamp, isLate: false)
        return .media(
            MediaPacket(
                payload: reference, sequence: sequence, timestamp: facts.timestamp, marker: facts.marker, codec: facts.codec,
                descriptor: descriptor, audioLevel: facts.audioLevel, voiceActivity: facts.voiceActivity,
                arrival: number == 0 ? run.began : lastArrival, layer: layer, epoch: epoch, isSwitchPoint: number == 0, layers: layers))
    }
}
