import MediaPrimitives
import RTP

/// The newest packet of a layer that a subscriber does not get.
struct DroppedPacket {
    private var sequence: Int64 = .min
    private var timestamp: UInt32 = 0
    private var spatialID: UInt8 = 0

    init() {}

    init(_ packet: SharedPacket) {
        sequence = packet.sequence
        timestamp = packet.timestamp
        spatialID = packet.layers.spatialID
    }

    /// Whether `packet` is of the same frame, and what is missing between them therefore, too. `highest`: nothing else came between.
    func isOfFrame(_ packet: SharedPacket, highest: Int64) -> Bool {
        sequence == highest && timestamp == packet.timestamp && spatialID == packet.layers.spatialID
    }
}

/// The frame numbers of the dependency descriptor, as one subscriber gets them. They are never closed up over frames that were dropped, for frames
/// name the ones that they refer to by how far these lie back; another source's go on from the last one sent.
struct FrameNumbers {
    private(set) var offset: UInt16 = 0
    private(set) var templateShift: UInt8 = 0
    /// The last one sent, as the subscriber got it; nil before the first.
    private var last: UInt16?
    /// The newest of the source's; nil before its first.
    private var newest: UInt16?
    /// Those that were sent, from the newest backwards.
    private var sent: UInt64 = 0
    /// The first id of a template, as the subscriber gets it, that the last structure did not use.
    private var templateEnd: UInt8?

    init() {}

    /// The next packet is the first of another source.
    mutating func align(to facts: DescriptorFacts) {
        if let last { offset = last &+ 1 &- facts.frameNumber }
        // Should the frame that brings the new structure be lost, those after it must not be taken for frames of the old one.
        if let templateEnd, facts.bringsStructure { templateShift = (templateEnd &- facts.templateStart) & 63 }
        (newest, sent) = (nil, 0)
    }

    mutating func note(_ facts: borrowing DescriptorFacts) {
        if facts.bringsStructure { templateEnd = (facts.templateEnd &+ templateShift) & 63 }
        guard let newest else {
            (self.newest, sent, last) = (facts.frameNumber, 1, facts.frameNumber &+ offset)
            return
        }
        let ahead = Int16(bitPattern: facts.frameNumber &- newest)
        if ahead > 0 {
            sent = ahead < 64 ? sent << UInt64(ahead) | 1 : 1
            self.newest = facts.frameNumber
            last = facts.frameNumber &+ offset
        } else if ahead > -64 {
            sent |= 1 << UInt64(-ahead)
        }
    }

    /// Whether the frame so many before `frame` was sent, as far as is known.
    func has(_ difference: UInt16, before frame: UInt16) -> Bool {
        guard let newest else { return false }
        let back = Int16(bitPattern: newest &- (frame &- difference))
        return back >= 0 && back < 64 && sent >> UInt64(back) & 1 == 1
    }
}

extension Leg {
    /// Looks whether what is wanted has come (`LayerSelector.review`). Returns the encoding of which a keyframe is needed for that, if any.
    package mutating func review(among layers: [LayerState], at now: Instant) -> Int? {
        let needed = selector.review(among: layers, at: now)
        // The source has stopped what this subscriber gets, and what is left is entered with a key picture.
        return needed ?? (filter.isBehind ? selector.current : nil)
    }

    /// What is wanted, what is sent, and why these differ. `isLive` tells whether packets of the wanted encoding arrive.
    package func layerStatus(isLive: Bool) -> LayerStatus { selector.status(isLive: isLive) }

    /// The longest dependency descriptor that is sent: that of a structure for three spatial and three temporal layers has about 90 bytes.
    static var longestDescriptor: Int { 144 }

    /// Something about what this subscriber gets is to change, or its encoding has layers that it does not get.
    @inline(never)
    mutating func takeChanging(_ packet: SharedPacket, transport: Int32, into queue: inout DepartureQueue) {
        if packet.isLayered { return takeLayered(packet, transport: transport, into: &queue) }
        if mapper.isNewest(packet.sequence), !step(packet) { return }
        send(packet, transport: transport, into: &queue)
    }

    /// A packet that not everybody gets, or not everybody alike.
    @inline(never)
    mutating func takeLayered(_ packet: SharedPacket, transport: Int32, into queue: inout DepartureQueue) {
        if packet.codec == .red { return sendRedundant(packet, transport: transport, into: &queue) }
        if mapper.isNewest(packet.sequence) {
            if packet.layers.numbering != filter.numbering, packet.layers.isReadable {
                filter.renumber(packet.layers, selector)
                noteTargets()
            }
            if selector.hasChange || filter.isBehind || packet.layers.startsKeyPicture, !step(packet) { return }
        }
        guard filter.passes(packet.layers, sequence: packet.sequence) else {
            return drop(packet, transport: transport, into: &queue)
        }
        if let facts = packet.layers.descriptor { frames.note(facts.pointee) }
        send(packet, isLayered: true, transport: transport, into: &queue)
    }

    /// Comes closer to what is wanted, where this packet allows it. False where nothing is sent from here on.
    private mutating func step(_ packet: SharedPacket) -> Bool {
        guard packet.layers.isReadable, packet.layers.startsFrame || packet.layers.startsPicture else { return true }
        if selector.hasChange, selector.wanted.encoding < 0 {
            if packet.layers.startsPicture { selector.pause() }
            return !packet.layers.startsPicture
        }
        let before = filter.boundary
        let (spatial, temporal) = filter.step(selector, packet.layers, frames, sequence: packet.sequence, alignment: alignment)
        if spatial != selector.currentSpatial || temporal != selector.currentTemporal {
            selector.reach(spatial: spatial, temporal: temporal)
        }
        if filter.boundary != before { noteTargets() }
        return true
    }

    /// What packets that are sent again say of decode targets is what they said then.
    private mutating func noteTargets() {
        guard descriptorID != 0, alignments[Int(alignment % Leg.alignmentsRemembered)].descriptor != descriptorChanges else { return }
        noteAlignment()
    }

    /// By which alignment a packet is sent.
    func alignment(of packet: SharedPacket) -> UInt8 { filter.alignment(ofPacket: packet.sequence, newest: alignment) }

    /// What of a dependency descriptor is this subscriber's own.
    var descriptorChanges: DescriptorLayout.Changes {
        var changes = DescriptorLayout.Changes()
        changes.frameOffset = frames.offset
        changes.templateShift = frames.templateShift
        changes.activeTargets = filter.activeTargets
        return changes
    }

    /// A packet of a layer that this subscriber does not get: later ones move up, and VP8's pictures with them.
    private mutating func drop(_ packet: SharedPacket, transport: Int32, into queue: inout DepartureQueue) {
        let wholeGap = lastDropped.isOfFrame(packet, highest: mapper.highest)
        if mapper.leaveOut(packet.sequence, wholeGap: wholeGap, &leftOut) {
            lastDropped = DroppedPacket(packet)
            if packet.codec == .vp8, packet.prefix.hasPictureID,
                droppedPictures.note(packet.prefix.numbers.pictureID, mask: packet.prefix.pictureIDMask)
            {
                pictures.leaveOut()
            }
            return
        }
        // It fills a gap that has kept its place. So does a VP8 picture of which nothing has come before, in the PictureIDs; where it refers to the base
        // alone, it had better come than be waited for.
        if packet.codec == .vp8, packet.prefix.hasPictureID, packet.layers.isSwitchPoint,
            droppedPictures.fate(of: packet.prefix.numbers.pictureID, mask: packet.prefix.pictureIDMask) != .dropped
        {
            return send(packet, isLayered: true, transport: transport, into: &queue)
        }
        fill(packet, transport: transport, into: &queue)
    }

    /// An empty packet under the number of one that is not sent: nobody need ask for it.
    private mutating func fill(_ packet: SharedPacket, transport: Int32, into queue: inout DepartureQueue) {
        guard let payloadType = payloadTypes.payloadType(packet.codec), let sequence = mapper.map(packet.sequence, &leftOut),
            let header = write(
                second: payloadType, sequence: UInt16(truncatingIfNeeded: sequence), timestamp: packet.timestamp &+ timestampOffset,
                ssrc: ssrc, hasLevel: false, level: 0, into: &queue)
        else { return }
        queue.append(
            Departure(
                transport: transport, slot: packet.slot, payload: packet.payload, headerLength: UInt8(truncatingIfNeeded: header.length),
                replaced: UInt16(truncatingIfNeeded: packet.length), kind: .rtp, isAudio: false, stamps: header.stamps))
        packetsSent &+= 1
        noteNumber(sequence)
    }

    /// The numbers of a packet that comes after later ones: those that it would have had in order. Nil where that cannot be told any more.
    mutating func late(_ prefix: PayloadPrefix, of codec: Codec, isNewest: Bool) -> PictureNumbers? {
        var offsets = pictures.offsets
        if codec == .vp8, prefix.hasPictureID {
            switch droppedPictures.fate(of: prefix.numbers.pictureID, mask: prefix.pictureIDMask) {
            case .kept(let droppedSince): offsets.pictureID = (offsets.pictureID &+ droppedSince) & 0x7fff
            case .dropped, .forgotten: return nil
            }
        }
        let numbers = prefix.numbers.moved(by: offsets)
        if isNewest { pictures.note(numbers) }
        return numbers
    }

    /// Writes the header of a packet that has a dependency descriptor, with the subscriber's own. It changes nothing: a borrowed `self` would be copied.
    @inline(__always)
    mutating func write(
        descriptorOf packet: SharedPacket, second: UInt8, sequence: UInt16, timestamp: UInt32, into queue: inout DepartureQueue
    ) -> (slot: UnsafeMutableRawPointer, length: Int, stamps: StampOffsets)? {
        write(
            descriptor: PayloadRing.descriptor(in: packet.slot), packet.slot.pointee.facts.layout,
            alignments[Int(alignment(of: packet) % Leg.alignmentsRemembered)].descriptor, second: second, sequence: sequence,
            timestamp: timestamp, ssrc: ssrc, into: &queue)
    }

    mutating func write(
        descriptor: UnsafeRawBufferPointer, _ layout: DescriptorLayout, _ changes: DescriptorLayout.Changes, second: UInt8,
        sequence: UInt16, timestamp: UInt32, ssrc: UInt32, into queue: inout DepartureQueue
    ) -> (slot: UnsafeMutableRawPointer, length: Int, stamps: StampOffsets)? {
        let longest = descriptor.count &+ DescriptorLayout.growth
        guard longest <= Leg.longestDescriptor else {
            return write(
                second: second, sequence: sequence, timestamp: timestamp, ssrc: ssrc, hasLevel: false, level: 0, into: &queue)
        }
        guard let slot = queue.nextHeader() else { return nil }
        // The one-byte form holds 16 bytes (RFC 8285 §4.2).
        guard longest <= 16, descriptorID <= 14, !shortDescriptorHeader.isTwoByte else {
            guard longDescriptorHeader.length > 0 else { return nil }
            longDescriptorHeader.write(
                into: slot, second: second, sequence: sequence, timestamp: timestamp, ssrc: ssrc, level: 0)
            let at = Int(longDescriptorHeader.extensionEnd)
            let length = layout.write(descriptor, changes, to: slot + at + 2)
            slot.storeBytes(of: descriptorID, toByteOffset: at, as: UInt8.self)
            slot.storeBytes(of: UInt8(truncatingIfNeeded: length), toByteOffset: at &+ 1, as: UInt8.self)
            return (slot, HeaderTemplate.end(slot, extensionsTo: at &+ 2 &+ length), longDescriptorHeader.stamps)
        }
        guard shortDescriptorHeader.length > 0 else { return nil }
        shortDescriptorHeader.write(into: slot, second: second, sequence: sequence, timestamp: timestamp, ssrc: ssrc, level: 0)
        let at = Int(shortDescriptorHeader.extensionEnd)
        let length = layout.write(descriptor, changes, to: slot + at + 1)
        slot.storeBytes(of: descriptorID << 4 | UInt8(truncatingIfNeeded: length &- 1), toByteOffset: at, as: UInt8.self)
        return (slot, HeaderTemplate.end(slot, extensionsTo: at &+ 1 &+ length), shortDescriptorHeader.stamps)
    }
}
