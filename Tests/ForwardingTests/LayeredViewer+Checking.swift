import Forwarding
import MediaPrimitives
import RTP
import Testing

// What a receiver relies on, whatever was dropped.
extension LayeredViewer {
    /// Everything that must hold of what came out. `isWhole`: nothing was lost on the way in, so that nothing may be missing here.
    func verify(isWhole: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
        verifySequence(isWhole: isWhole, sourceLocation)
        verifyReferences(isWhole: isWhole, sourceLocation)
        verifyPictures(isWhole: isWhole, sourceLocation)
        verifyDescriptors(sourceLocation)
    }

    /// No number twice, and none missing but those whose packets never came in, and one where a switch left a frame unfinished.
    private func verifySequence(isWhole: Bool, _ location: SourceLocation) {
        let ordered = ordered
        var missing = 0
        for (one, next) in zip(ordered, ordered.dropFirst()) {
            let step = next.sequence - one.sequence
            if step < 1 { Issue.record("\(next.sequence) twice", sourceLocation: location) }
            if step > 1, isWhole {
                let isDeclared = switches.contains(one.sequence) && step == 2 && !one.packet.header.marker
                if !isDeclared { Issue.record("a hole of \(step - 1) after \(one.sequence)", sourceLocation: location) }
            }
            missing += Int(step) - 1
        }
        let lost = sources.flatMap(\.frames).reduce(0) { sum, frame in sum + (0..<frame.packets).count { !hasArrived(frame.id, $0) } }
        if missing > lost + switches.count { Issue.record("\(missing) numbers missing, \(lost) lost", sourceLocation: location) }
    }

    /// Each frame comes whole or not at all, as far as it came in; and of each frame that comes, none of those that it refers to was withheld.
    private func verifyReferences(isWhole: Bool, _ location: SourceLocation) {
        let frames = frames
        var sent: [Int: Set<Int>] = [:]
        let last = packets.last { $0.stamp != nil }?.stamp?.frame
        for packet in packets {
            guard let stamp = packet.stamp else { continue }
            if !(sent[stamp.frame, default: []].insert(stamp.index).inserted) {
                Issue.record("packet \(stamp) came twice", sourceLocation: location)
            }
        }
        let cut = Set(switches.compactMap { end in ordered.last { $0.sequence <= end && $0.stamp != nil }?.stamp?.frame })
        for (id, indexes) in sent {
            guard let frame = frames[id] else {
                Issue.record("frame \(id) is none", sourceLocation: location)
                continue
            }
            let isCut = cut.contains(id) || id == last
            for index in 0..<frame.packets where !indexes.contains(index) && hasArrived(id, index) && !isCut && isWhole {
                Issue.record("packet \(index) of frame \(id) was withheld", sourceLocation: location)
            }
            for reference in frame.references where sent[reference] == nil {
                guard let known = frames[reference] else { continue }
                if isWhole || (0..<known.packets).contains(where: { hasArrived(reference, $0) }) {
                    Issue.record(
                        "frame \(id) (\(frame)) refers to \(reference) (\(known)), which was withheld", sourceLocation: location)
                }
            }
        }
    }

    /// The marker ends each picture and nothing else; timestamps and the codec's own numbers go on as they should.
    private func verifyPictures(isWhole: Bool, _ location: SourceLocation) {
        let frames = frames
        let ordered = ordered.filter { $0.stamp != nil }
        var newest: VP8Descriptor?
        for (one, next) in zip(ordered, ordered.dropFirst()) {
            let isSamePicture = one.packet.header.timestamp == next.packet.header.timestamp
            if one.packet.header.marker == isSamePicture, isWhole || isSamePicture, !switches.contains(one.sequence) {
                Issue.record("the marker of \(one.sequence) is wrong", sourceLocation: location)
            }
            if Int32(bitPattern: next.packet.header.timestamp &- one.packet.header.timestamp) < 0 {
                Issue.record("the timestamp of \(next.sequence) goes back", sourceLocation: location)
            }
        }
        var before: (picture: UInt16, frame: SourceFrame, sequence: Int64)?
        for packet in ordered {
            guard let stamp = packet.stamp, let frame = frames[stamp.frame] else { continue }
            switch PayloadDescriptor.parse(codec: codec(of: packet), payload: packet.packet.payload.span.bytes) {
            case .vp8(let vp8):
                guard let picture = vp8.pictureID, vp8.temporalID == UInt8(frame.temporal) else {
                    Issue.record("VP8's numbers are absent", sourceLocation: location)
                    continue
                }
                if let newest, let tl0 = vp8.tl0PicIdx, let old = newest.tl0PicIdx, isWhole, picture != newest.pictureID {
                    let expected = frame.temporal == 0 ? old &+ 1 : old
                    if tl0 != expected { Issue.record("TL0PICIDX goes from \(old) to \(tl0)", sourceLocation: location) }
                }
                newest = vp8
                if let before, before.frame.picture != frame.picture || before.frame.id != frame.id {
                    let step = (picture &- before.picture) & 0x7fff
                    // Pictures that never came keep their numbers.
                    if step == 0 || step > 40 || isWhole && step != 1 {
                        Issue.record("PictureID goes from \(before.picture) to \(picture)", sourceLocation: location)
                    }
                } else if let before, before.picture != picture {
                    Issue.record("a picture with two PictureIDs", sourceLocation: location)
                }
                before = (picture, frame, packet.sequence)
            case .vp9(let vp9):
                guard let picture = vp9.pictureID else { continue }
                if let before, !switches.contains(where: { before.sequence <= $0 && $0 < packet.sequence }) {
                    let step = Int((picture &- before.picture) & 0x7fff)
                    if step != frame.picture - before.frame.picture { Issue.record("PictureID moves by \(step)", sourceLocation: location) }
                }
                before = (picture, frame, packet.sequence)
            default: break
            }
        }
    }

    private func codec(of packet: Received) -> Codec {
        RTPParameters.layered.codecs.first { $0.payloadType == packet.packet.header.payloadType }?.codec ?? .opus
    }

    /// A receiver of dependency descriptors reads them all, finds the references where they are, and its own target among those that are active.
    private func verifyDescriptors(_ location: SourceLocation) {
        guard sources.allSatisfy({ $0.shape.isDescribed }) else { return }
        let frames = frames
        var structure = DependencyStructure()
        var numbers: [UInt16: Int] = [:]
        for packet in ordered {
            guard let stamp = packet.stamp, let frame = frames[stamp.frame] else { continue }
            guard let read = DependencyDescriptor.parse(packet.descriptor.span.bytes, structure: &structure) else {
                Issue.record("the descriptor of \(packet.sequence) cannot be read", sourceLocation: location)
                continue
            }
            if Int(read.spatialID) != frame.spatial || Int(read.temporalID) != frame.temporal {
                Issue.record("the descriptor of \(packet.sequence) is another frame's", sourceLocation: location)
            }
            if let known = numbers[read.frameNumber], known != frame.id {
                Issue.record("frames \(known) and \(frame.id) have one number", sourceLocation: location)
            }
            numbers[read.frameNumber] = frame.id
            let references = Set((0..<read.differences.count).compactMap { numbers[read.frameNumber &- read.differences[$0]] })
            if !references.isSubset(of: frame.references) {
                Issue.record("frame \(frame.id) seems to refer to \(references)", sourceLocation: location)
            }
            if let active = read.activeTargets {
                // What is sent is part of something that is active.
                let isPart = (0..<structure.targetCount).contains { active >> UInt32($0) & 1 == 1 && read.indications[$0] != .notPresent }
                if !isPart { Issue.record("frame \(frame.id) is of no active target", sourceLocation: location) }
            }
        }
    }

    /// The decode targets that the newest descriptor leaves active.
    var activeTargets: UInt32 {
        var structure = DependencyStructure()
        let read = ordered.compactMap { DependencyDescriptor.parse($0.descriptor.span.bytes, structure: &structure) }
        return read.last?.activeTargets ?? .max >> UInt32(DependencyStructure.maximumTargets - structure.targetCount)
    }
}
