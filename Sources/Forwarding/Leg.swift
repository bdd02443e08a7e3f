import CPrefetch
import MediaPrimitives
import RTP

/// What a packet touches of one subscription: whether it is sent, and the numbers that it gets. Plain values in one place, which does not move
/// while its `SendStream` lives: the fan-out walks from leg to leg and touches no object.
package struct Leg: ~Copyable {
    /// No two packets sent in a row are further apart. A source may leave out as many numbers as it likes, but ours must not come near half their
    /// space: the cipher would guess a rollover counter that was used before, and under GCM a nonce with it (RFC 7714 §8.2).
    private static let longestGap: Int64 = 512
    /// So many alignments are remembered: packets from before them cannot be sent again.
    static let alignmentsRemembered: UInt8 = 8

    // MARK: What is sent

    /// The encoding whose packets go out as they come; negative while there is something to decide about each, or nothing is sent.
    private var gate: Int8 = -1
    /// The subscriber's transport is up and nothing is paused. Otherwise nothing is sent.
    package var isReady = false { didSet { renewGate() } }
    /// The epoch of the encoding that the numbers are aligned to.
    package var epoch: UInt32 = 0
    package var selector = LayerSelector() { didSet { renewGate() } }

    // MARK: The numbers

    private var hasSent = false
    /// The second byte of the newest packet sent: whether it ended a frame, and its payload type.
    private(set) var lastSecond: UInt8 = 0
    private var lastMarker: Bool { lastSecond & 0x80 != 0 }
    /// Counts alignments, so that each packet is sent again by the one that it was sent by.
    private(set) var alignment: UInt8 = 0
    let isVideo: Bool
    private(set) var timestampOffset: UInt32 = 0
    // Of the newest packet sent, which a switch aligns to.
    private var lastSourceTimestampSent: UInt32 = 0
    private(set) var lastTimestamp: UInt32 = 0
    private var lastSequence: Int64 = 0
    private var lastArrival = Instant(nanoseconds: 0)
    var mapper = SequenceMapper()
    private var isAligned = false
    var pictures = PictureRewriter()
    /// Packets and bytes of payload sent, without those sent again; both wrap.
    var packetsSent: UInt32 = 0
    private(set) var octetsSent: UInt32 = 0
    let ssrc: UInt32
    var budget = ResendBudget()
    var history: RetransmissionHistory

    // MARK: Negotiated

    private(set) var payloadTypes: PayloadTypes
    /// Headers without and with an audio level.
    private(set) var plainHeader: HeaderTemplate
    private var levelHeader: HeaderTemplate

    // MARK: Layers

    var filter = LayerFilter()
    /// What was left out of the source's numbers and of its VP8 pictures.
    var leftOut = LeftOutNumbers()
    var droppedPictures = DroppedPictures()
    /// Of the newest packet that was dropped: its number and its frame.
    var lastDropped = DroppedPacket()
    var frames = FrameNumbers()
    /// The dependency descriptor's id; 0 where it was not negotiated.
    private(set) var descriptorID: UInt8
    /// Headers with room for it, in either form.
    private(set) var shortDescriptorHeader: HeaderTemplate
    private(set) var longDescriptorHeader: HeaderTemplate

    // MARK: Rarely looked at

    let rtxSSRC: UInt32?
    var rtxSequence: UInt16
    private let firstSequence: Int64
    /// So much further than the sources' own time are our timestamps, as none may go back.
    private var lead = Interval.zero
    private let firstTimestamp: UInt32
    /// By number of alignment modulo their count.
    private(set) var alignments = InlineArray<8, Alignment>(repeating: Alignment())

    /// What makes a packet of the source one of ours.
    struct Alignment {
        var timestampOffset: UInt32 = 0
        var pictures = PictureNumbers()
        var descriptor = DescriptorLayout.Changes()
    }

    /// Sequence numbers begin in the lower half of their space: a receiver that loses the first packets near a wrap would guess the wrong rollover
    /// counter for good.
    init(_ parameters: RTPParameters, ssrc: SSRC, rtxSSRC: SSRC?, entropy: Entropy) {
        isVideo = parameters.kind == .video
        self.ssrc = ssrc.rawValue
        self.rtxSSRC = rtxSSRC?.rawValue
        // More than a second of sound, and of video at 4 Mbit/s.
        history = RetransmissionHistory(capacity: rtxSSRC == nil ? 0 : parameters.kind == .audio ? 64 : 512)
        payloadTypes = PayloadTypes(parameters.codecs)
        let mid = ShortText(parameters.mid) ?? ShortText()
        plainHeader = HeaderTemplate(mid: mid, hasLevel: false, parameters.extensions)
        levelHeader = HeaderTemplate(mid: mid, hasLevel: true, parameters.extensions)
        descriptorID = parameters.extensions[.dependencyDescriptor]
        shortDescriptorHeader = HeaderTemplate(mid: mid, hasLevel: false, form: .oneByte, parameters.extensions)
        longDescriptorHeader = HeaderTemplate(mid: mid, hasLevel: false, form: .twoByte, parameters.extensions)
        rtxSequence = UInt16(truncatingIfNeeded: entropy.next()) & 0x7fff
        firstSequence = Int64(entropy.next() & 0x7fff)
        firstTimestamp = UInt32(truncatingIfNeeded: entropy.next())
    }

    /// Takes the payload types and extension ids of a later negotiation.
    mutating func update(_ parameters: RTPParameters) {
        // A payload type that is not known any more is not padded with.
        lastSecond &= 0x80
        payloadTypes = PayloadTypes(parameters.codecs)
        let mid = ShortText(parameters.mid) ?? ShortText()
        plainHeader = HeaderTemplate(mid: mid, hasLevel: false, parameters.extensions)
        levelHeader = HeaderTemplate(mid: mid, hasLevel: true, parameters.extensions)
        descriptorID = parameters.extensions[.dependencyDescriptor]
        shortDescriptorHeader = HeaderTemplate(mid: mid, hasLevel: false, form: .oneByte, parameters.extensions)
        longDescriptorHeader = HeaderTemplate(mid: mid, hasLevel: false, form: .twoByte, parameters.extensions)
    }

    /// A new subscription begins: nothing is sent before it says so.
    package mutating func rest() {
        selector = LayerSelector()
        isReady = false
        epoch = 0
    }

    private mutating func renewGate() { gate = isReady ? selector.settled : -1 }

    // MARK: A packet

    /// How many legs ahead the fan-out asks for the memory of one.
    package static var foresight: Int { 4 }

    /// The fan-out will come to `leg` soon: a thousand legs and what is written for them do not stay in the cache from one packet to the next.
    package static func foresee(_ leg: UnsafeMutablePointer<Leg>) {
        let start = UnsafeRawPointer(leg)
        prefetch_to_write(start)
        prefetch_to_write(start + 64)
        prefetch_to_write(start + 128)
    }

    /// The fan-out comes to `leg` next but one: where its history goes on is known only when the leg is there.
    package static func foreseeHistory(_ leg: UnsafeMutablePointer<Leg>) {
        leg.pointee.history.foresee(UInt16(truncatingIfNeeded: leg.pointee.lastSequence &+ 1))
    }

    /// Forwards `packet` where it is more of what this subscriber gets already, or drops it as of a layer that it does not get: nearly always.
    /// False where it is for the publication to decide whether something begins with it.
    package mutating func take(_ packet: SharedPacket, transport: Int32, into queue: inout DepartureQueue) -> Bool {
        guard packet.layer == Int(gate), epoch == packet.epoch else {
            guard isReady, !selector.ignores(packet.layer) else { return true }
            guard selector.current == packet.layer, epoch == packet.epoch else { return false }
            takeChanging(packet, transport: transport, into: &queue)
            return true
        }
        if packet.isLayered {
            takeLayered(packet, transport: transport, into: &queue)
        } else {
            send(packet, transport: transport, into: &queue)
        }
        return true
    }

    /// Rewrites `packet` for this subscriber and queues it, as far as its layer is sent. Before `align`, and of a codec that was not agreed to,
    /// nothing is.
    package mutating func forward(_ packet: SharedPacket, transport: Int32, into queue: inout DepartureQueue) {
        if packet.isLayered {
            takeLayered(packet, transport: transport, into: &queue)
        } else {
            send(packet, transport: transport, into: &queue)
        }
    }

    /// `packet` is sent. Constants at each call: `isLayered`, its marker or its extensions may be others than the source's; `primaryOnly`, of redundant
    /// audio only the new frame is sent.
    @inline(__always)
    mutating func send(
        _ packet: SharedPacket, isLayered: Bool = false, primaryOnly: Bool = false, transport: Int32, into queue: inout DepartureQueue
    ) {
        guard let payloadType = payloadTypes.payloadType(primaryOnly ? .opus : packet.codec),
            var sequence = mapper.map(packet.sequence, &leftOut)
        else { return }
        var isNewest = true
        if hasSent {
            if sequence &- lastSequence > Leg.longestGap {
                // One number is left open: the receiver shall see that something is missing.
                sequence = lastSequence &+ 2
                restartNumbers(source: packet.sequence, outgoing: sequence)
                _ = mapper.map(packet.sequence, &leftOut)
            }
            isNewest = sequence > lastSequence
        }
        let outgoing = UInt16(truncatingIfNeeded: sequence)
        let timestamp = packet.timestamp &+ timestampOffset
        let marker = isLayered ? packet.marker | filter.marker(packet.layers, sequence: packet.sequence) : packet.marker
        let written =
            isLayered && descriptorID != 0 && packet.layers.descriptor != nil
            ? write(descriptorOf: packet, second: marker | payloadType, sequence: outgoing, timestamp: timestamp, into: &queue)
            : write(
                second: marker | payloadType, sequence: outgoing, timestamp: timestamp, ssrc: ssrc, hasLevel: packet.hasLevel,
                level: packet.level, into: &queue)
        guard let header = written else { return }
        var length = header.length
        let prefix = Int(packet.prefix.length)
        var pictureOffset: UInt16 = 0
        if prefix > 0 {
            let numbers: PictureNumbers
            if packet.sequence == mapper.highest {
                numbers = pictures.rewrite(packet.prefix.numbers, isNewest: isNewest)
            } else {
                // Later ones have come, if not for this subscriber.
                guard let late = late(packet.prefix, of: packet.codec, isNewest: isNewest) else { return }
                numbers = late
            }
            pictureOffset = numbers.pictureID &- packet.prefix.numbers.pictureID
            header.slot.storeBytes(of: packet.prefix.word(numbers).littleEndian, toByteOffset: length, as: UInt64.self)
            length &+= prefix
        }
        queue.append(
            Departure(
                transport: transport, slot: packet.slot, payload: packet.payload, headerLength: UInt8(truncatingIfNeeded: length),
                replaced: primaryOnly ? packet.primaryOffset : UInt16(truncatingIfNeeded: prefix), kind: .rtp, isAudio: !isVideo,
                stamps: header.stamps))
        history.append(
            outgoing, position: packet.payload.position, layer: packet.layer, marker: marker,
            alignment: isLayered ? alignment(of: packet) : alignment,
            pictureOffset: pictureOffset)
        packetsSent &+= 1
        let octets = primaryOnly ? packet.length &- Int(packet.primaryOffset) : packet.length
        octetsSent &+= UInt32(truncatingIfNeeded: octets)
        budget.credit(octets)
        if isNewest {
            hasSent = true
            lastSequence = sequence
            lastSourceTimestampSent = packet.timestamp
            lastTimestamp = timestamp
            lastArrival = packet.arrival
            lastSecond = marker | payloadType
        }
    }

    /// A number has been used: it never is again, wherever numbers start anew.
    mutating func noteNumber(_ sequence: Int64) { if hasSent { lastSequence = max(lastSequence, sequence) } }

    /// Writes one packet's header to where the queue's next one belongs; nil if there is no room, or no header that fits.
    @inline(__always)
    func write(
        second: UInt8, sequence: UInt16, timestamp: UInt32, ssrc: UInt32, hasLevel: Bool, level: UInt8, into queue: inout DepartureQueue
    ) -> (slot: UnsafeMutableRawPointer, length: Int, stamps: StampOffsets)? {
        guard let slot = queue.nextHeader() else { return nil }
        if hasLevel {
            levelHeader.write(into: slot, second: second, sequence: sequence, timestamp: timestamp, ssrc: ssrc, level: level)
            return levelHeader.length > 0 ? (slot, Int(levelHeader.length), levelHeader.stamps) : nil
        }
        plainHeader.write(into: slot, second: second, sequence: sequence, timestamp: timestamp, ssrc: ssrc, level: level)
        return plainHeader.length > 0 ? (slot, Int(plainHeader.length), plainHeader.stamps) : nil
    }

    /// A number of the source that carries nothing: later ones move up, so that the subscriber sees no hole.
    package mutating func leaveOut(_ sequence: Int64) { if isAligned { _ = mapper.leaveOut(sequence, &leftOut) } }

    // MARK: A source

    /// Aligns all numbers so that `packet`, the first of a source, follows what was sent. `elapsed` is the source's own time between the last
    /// packet sent and this one, where sender reports tell it; otherwise arrival times stand in.
    mutating func align(to packet: MediaPacket, elapsed: Interval?) {
        if hasSent {
            let time = elapsed ?? (packet.arrival - lastArrival)
            // Never back in time and never at a standstill: at least a frame of 10 ms, which the next source gives back. A pause of hours is capped
            // below the sign bit.
            let wanted = elapsed == nil ? time : time - lead
            let bounded = min(max(wanted, .milliseconds(10)), .seconds(3_600))
            lead = elapsed == nil ? .zero : min(bounded - wanted, .seconds(1))
            let units = bounded.nanoseconds &* (isVideo ? 90_000 : 48_000) / 1_000_000_000
            timestampOffset = lastTimestamp &+ UInt32(truncatingIfNeeded: units) &- packet.timestamp
        } else {
            timestampOffset = firstTimestamp &- packet.timestamp
        }
        // A frame whose end was never sent must not seem complete: one number is left open, and the decoder discards the frame.
        let gap: Int64 = hasSent && !lastMarker && isVideo ? 2 : 1
        restartNumbers(source: packet.sequence, outgoing: highestOutgoing.map { $0 &+ gap } ?? firstSequence)
        isAligned = true
        pictures.align(to: packet.descriptor)
        droppedPictures = DroppedPictures()
        if let facts = packet.layers.descriptor { frames.align(to: facts.pointee) }
        filter.begin(packet.layers, selector)
        noteAlignment()
    }

    private mutating func restartNumbers(source: Int64, outgoing: Int64) {
        mapper = SequenceMapper(source: source, outgoing: outgoing)
        leftOut = LeftOutNumbers()
    }

    /// What packets are made ours by has changed.
    mutating func noteAlignment() {
        alignment &+= 1
        // What was sent that many alignments ago must not be taken for what is sent by this one.
        if alignment == 0 { history.removeAll() }
        alignments[Int(alignment % Leg.alignmentsRemembered)] = Alignment(
            timestampOffset: timestampOffset, pictures: pictures.offsets, descriptor: descriptorChanges)
    }

    /// The newest packet sent ended a frame, and nothing has been numbered behind it.
    var endsFrame: Bool { hasSent && isAligned && lastMarker && mapper.highestOutgoing == lastSequence }

    /// A packet of padding leaves under `sequence`, behind all others.
    mutating func notePadding(_ sequence: Int64) {
        lastSequence = sequence
        packetsSent &+= 1
    }

    /// The number that the next one of a new source follows; nil before the first.
    private var highestOutgoing: Int64? {
        guard isAligned else { return nil }
        guard hasSent else { return mapper.highestOutgoing }
        return mapper.highestOutgoing &- lastSequence > Leg.longestGap ? lastSequence : mapper.highestOutgoing
    }

    /// The source's timestamp of the newest packet sent; nil before the first.
    var lastSourceTimestamp: UInt32? { hasSent ? lastSourceTimestampSent : nil }

    /// When the newest packet sent came from its source; nil before the first.
    package var newestArrival: Instant? { hasSent ? lastArrival : nil }

    /// Our timestamp for one of the source's.
    func timestamp(ofSource timestamp: UInt32) -> UInt32 { timestamp &+ timestampOffset }

    /// The packets sent so far cannot be sent again. The memory for them is taken anew when something is sent.
    mutating func forgetHistory() { history.release() }
}
