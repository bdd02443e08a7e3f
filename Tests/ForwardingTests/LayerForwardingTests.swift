import Forwarding
import MediaPrimitives
import RTP
import Testing

@Suite("Layers inside an encoding")
struct LayerForwardingTests {
    @Test("What is wanted from the start comes, and nothing above it", arguments: Scalability.all)
    func fixed(_ shape: Scalability) {
        for spatial in 0..<shape.spatial {
            for temporal in 0..<shape.temporal {
                let viewer = LayeredViewer([LayeredSource(shape)])
                viewer.aim(0, spatial: Int8(spatial), temporal: Int8(temporal))
                for picture in 0..<40 { viewer.play(isKey: picture % 25 == 0, packets: 1 + picture % 3) }
                viewer.verify(isWhole: true)
                let expected = Set(
                    (0...spatial).flatMap { one in (0...temporal).map { [one, $0] } }.filter {
                        !shape.isKeyOnly || $0[0] == spatial || $0[1] == 0
                    })
                #expect(viewer.layers(from: 0) == expected)
                #expect(viewer.selector.status(isLive: true).reason == .reached)
                guard shape.isDescribed else { continue }
                // The descriptors say that nothing else can be decoded.
                var active: UInt32 = 0
                for one in 0..<shape.spatial where shape.isKeyOnly ? one == spatial : one <= spatial {
                    for other in 0...temporal { active |= 1 << UInt32(one * shape.temporal + other) }
                }
                #expect(viewer.activeTargets == active)
            }
        }
    }

    @Test(
        "Temporal layers go with the next picture, and come back without a keyframe", arguments: Scalability.all.filter { $0.temporal > 1 })
    func temporal(_ shape: Scalability) {
        let viewer = LayeredViewer([LayeredSource(shape)])
        viewer.aim(0)
        for picture in 0..<10 { viewer.play(isKey: picture == 0) }
        viewer.aim(0, temporal: 0)
        for _ in 0..<12 { viewer.play() }
        #expect(viewer.layers(from: 10).allSatisfy { $0[1] == 0 })
        viewer.aim(0)
        for _ in 0..<12 { viewer.play() }
        #expect(viewer.layers(from: 26).contains([shape.spatial - 1, shape.temporal - 1]))
        #expect(viewer.selector.status(isLive: true).reason == .reached)
        viewer.verify(isWhole: true)
    }

    @Test(
        "Spatial layers go with the next picture where the lower ones are there, and come back with a keyframe, which is asked for",
        arguments: Scalability.all.filter { $0.spatial > 1 })
    func spatial(_ shape: Scalability) {
        let viewer = LayeredViewer([LayeredSource(shape)])
        viewer.aim(0)
        for picture in 0..<9 { viewer.play(isKey: picture == 0) }
        viewer.aim(0, spatial: 0)
        for _ in 0..<9 { viewer.play() }
        viewer.now = at(300)
        #expect(viewer.needsKeyframe == shape.isKeyOnly)
        #expect(viewer.selector.status(isLive: true).reason == (shape.isKeyOnly ? .awaitingKeyframe : .reached))
        if shape.isKeyOnly {
            #expect(viewer.layers(from: 10).allSatisfy { $0[0] == shape.spatial - 1 })
            viewer.play(isKey: true)
        }
        let low = viewer.sources[0].frames.last.map { $0.picture + 1 } ?? 0
        for _ in 0..<9 { viewer.play() }
        #expect(viewer.layers(from: low).allSatisfy { $0[0] == 0 })
        viewer.aim(0)
        for _ in 0..<9 { viewer.play() }
        viewer.now = at(600)
        #expect(viewer.layers(from: low).allSatisfy { $0[0] == 0 } && viewer.needsKeyframe)
        viewer.play(isKey: true)
        for _ in 0..<9 { viewer.play() }
        #expect(viewer.layers(from: low).contains { $0[0] == shape.spatial - 1 } && !viewer.needsKeyframe)
        viewer.verify(isWhole: true)
    }

    @Test(
        "Descriptors leave in the form that their length and the ids ask for, and not at all to whom they mean nothing",
        arguments: [0, 1, 30])
    func forms(first: UInt8) {
        var sending = RTPParameters.layered
        for kind in HeaderExtension.allCases { sending.extensions[kind] = first == 0 ? 0 : first + kind.rawValue }
        let viewer = LayeredViewer([LayeredSource(Scalability(codec: .av1, spatial: 3, temporal: 3, isDescribed: true))], sending: sending)
        viewer.aim(0, temporal: 1)
        for picture in 0..<12 { viewer.play(isKey: picture == 0) }
        let forms = Set(viewer.packets.map { $0.packet.header.extensionProfile })
        // The structure is longer than what one-byte elements hold.
        #expect(forms == (first == 0 ? [0] : first == 1 ? [0xbede, 0x1000] : [0x1000]))
        #expect(
            viewer.packets.allSatisfy {
                $0.descriptor.isEmpty == (first == 0) && $0.packet.values.mid == (first == 0 ? nil : ShortText("v"))
            })
        if first != 0 { viewer.verify(isWhole: true) }
    }

    @Test("Sound is paused at once")
    func sound() throws {
        let encoding = Encoding(layer: 0, rid: nil, parameters: .audio)
        encoding.bind(SSRC(3_000))
        let stream = SendStream(.audio, entropy: .seeded(1))
        stream.leg.pointee.isReady = true
        _ = stream.leg.pointee.selector.aim(at: LayerTarget(encoding: 0), at: at(0))
        var queue = DepartureQueue(capacity: 8)
        var sent: [Int] = []
        for sequence: UInt16 in 0..<6 {
            if sequence == 3 { _ = stream.leg.pointee.selector.aim(at: .nothing, at: at(0)) }
            let media = try #require(encoding.media(SourcePacket(payloadType: 111, sequence: sequence), at: at(0)))
            let shared = try #require(SharedPacket(media, in: encoding.ring))
            queue.keep(encoding.ring)
            if !stream.leg.pointee.take(shared, transport: 0, into: &queue),
                stream.leg.pointee.selector.decide(layer: 0, isSwitchPoint: media.isSwitchPoint) == .switchHere
            {
                stream.align(to: media, elapsed: nil)
                stream.leg.pointee.forward(shared, transport: 0, into: &queue)
            }
            sent.append(queue.takeAll().count)
        }
        #expect(sent == [1, 1, 1, 0, 0, 0])
    }

    @Test("A pause begins after a whole picture, and ends with a keyframe", arguments: Scalability.all)
    func pause(_ shape: Scalability) {
        let viewer = LayeredViewer([LayeredSource(shape)])
        viewer.aim(0)
        for picture in 0..<5 { viewer.play(isKey: picture == 0) }
        let half = viewer.picture(of: 0, packets: 4)
        for packet in half.prefix(2) { viewer.receive(packet, from: 0) }
        viewer.aim(-1)
        for packet in half.dropFirst(2) { viewer.receive(packet, from: 0) }
        let count = viewer.packets.count
        for _ in 0..<5 { viewer.play() }
        #expect(viewer.packets.count == count && viewer.packets.last?.packet.header.marker == true)
        #expect(viewer.selector.status(isLive: true).reason == .paused && viewer.selector.current == nil)
        viewer.aim(0)
        for _ in 0..<3 { viewer.play() }
        #expect(viewer.packets.count == count)
        for picture in 0..<5 { viewer.play(isKey: picture == 0) }
        #expect(viewer.packets.count > count)
        viewer.verify(isWhole: true)
    }

    @Test(
        "Whatever is wanted when, all that comes can be decoded, and comes without a hole", arguments: Scalability.all,
        0..<8 as Range<UInt64>)
    func wishes(_ shape: Scalability, seed: UInt64) {
        var random = Entropy.seeded(seed)
        let viewer = LayeredViewer([LayeredSource(shape)], seed: seed)
        viewer.aim(0)
        for picture in 0..<250 {
            if Int.random(in: 0..<6, using: &random) == 0 {
                viewer.aim(
                    Int.random(in: 0..<12, using: &random) == 0 ? -1 : 0, spatial: Int8.random(in: 0...3, using: &random),
                    temporal: Int8.random(in: 0...3, using: &random))
            }
            let isKey = picture == 0 || Int.random(in: 0..<40, using: &random) == 0
            for packet in viewer.picture(of: 0, isKey: isKey, packets: Int.random(in: 1...4, using: &random)) {
                viewer.receive(packet, from: 0)
                if Int.random(in: 0..<30, using: &random) == 0 {
                    viewer.aim(0, spatial: Int8.random(in: 0...3, using: &random), temporal: Int8.random(in: 0...3, using: &random))
                }
                // Padding comes between pictures.
                if packet.source.marker, Int.random(in: 0..<5, using: &random) == 0 {
                    viewer.receive(viewer.sources[0].padding(), from: 0)
                }
            }
        }
        viewer.verify(isWhole: true)
    }

    @Test("The same over encodings that are switched", arguments: Scalability.all, 0..<8 as Range<UInt64>)
    func simulcast(_ shape: Scalability, seed: UInt64) {
        var random = Entropy.seeded(seed &+ 100)
        let viewer = LayeredViewer(
            (0..<3).map {
                LayeredSource(shape, layer: $0, sequence: UInt16(truncatingIfNeeded: 65_000 + 20_000 * $0), timestamp: UInt32($0) << 30)
            },
            seed: seed)
        viewer.aim(0)
        for picture in 0..<300 {
            viewer.now = at(Int64(picture) * 33)
            if Int.random(in: 0..<8, using: &random) == 0 {
                viewer.aim(
                    Int8.random(in: 0..<3, using: &random), spatial: Int8.random(in: 0...3, using: &random),
                    temporal: Int8.random(in: 0...3, using: &random))
            }
            // The packets of the three come in turn.
            var waiting = (0..<3).map { source in
                viewer.picture(
                    of: source, isKey: picture == 0 || Int.random(in: 0..<20, using: &random) == 0,
                    packets: Int.random(in: 1...4, using: &random))
            }
            while let source = waiting.indices.filter({ !waiting[$0].isEmpty }).randomElement(using: &random) {
                viewer.receive(waiting[source].removeFirst(), from: source)
            }
        }
        #expect(viewer.switches.count > 1)
        viewer.verify(isWhole: true)
    }

    @Test(
        "With loss and packets that come late, no number is given twice, no frame refers to one that was withheld, and what is sent again is what was sent",
        arguments: Scalability.all, 0..<8 as Range<UInt64>)
    func loss(_ shape: Scalability, seed: UInt64) throws {
        var random = Entropy.seeded(seed &+ 200)
        let viewer = LayeredViewer([LayeredSource(shape)], seed: seed)
        viewer.aim(0)
        var late: [(packet: LayeredSource.Packet, due: Int)] = []
        var checked = 0
        for picture in 0..<300 {
            viewer.now = at(Int64(picture) * 33)
            if Int.random(in: 0..<6, using: &random) == 0 {
                viewer.aim(0, spatial: Int8.random(in: 0...3, using: &random), temporal: Int8.random(in: 0...3, using: &random))
            }
            let isKey = picture == 0 || Int.random(in: 0..<40, using: &random) == 0
            for packet in viewer.picture(of: 0, isKey: isKey, packets: Int.random(in: 1...4, using: &random)) {
                // Keyframes come in one piece: what follows a lost one is for `keyframeMissed`.
                switch isKey ? 9 : Int.random(in: 0..<25, using: &random) {
                case 0: break
                case 1, 2: late.append((packet, picture + Int.random(in: 0...3, using: &random)))
                default: viewer.receive(packet, from: 0)
                }
            }
            for entry in late where entry.due <= picture { viewer.receive(entry.packet, from: 0) }
            late.removeAll { $0.due <= picture }
            if let sent = viewer.packets.suffix(40).randomElement(using: &random), sent.stamp != nil,
                let again = viewer.resend(sent.packet.sequence)
            {
                checked += 1
                #expect(again.payload.dropFirst(2).elementsEqual(sent.packet.payload))
                #expect(again.header.marker == sent.packet.header.marker && again.header.timestamp == sent.packet.header.timestamp)
                #expect(again.descriptor == sent.descriptor)
            }
        }
        #expect(checked > 100)
        viewer.verify(isWhole: false)
    }
}

extension LayeredViewer {
    /// Whether a look at it now asks for a keyframe.
    var needsKeyframe: Bool {
        stream.leg.pointee.review(among: encodings.map { $0.state(at: now) }, at: now) != nil
    }
}
