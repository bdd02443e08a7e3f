import ICE
import MediaPrimitives
import MediaSecurity
import RTP
import Rooms

/// A `ForwardingUnit` with genuine peers around it, and what must hold after whatever is done to it.
final class UnitScene {
    private static let server = SocketAddress(ipv4: 0x0a00_0001, port: 7882)
    private static let maximumPeers = 8

    private let certificates: Certificates
    private let unit: ForwardingUnit
    private let batch = DatagramBatch(capacity: 256)
    private var now = Instant(nanoseconds: 5_000_000_000)
    private var peers: [UnitPeer] = []
    /// Who has sent an authentic check by a path: nobody else may be sent anything by it.
    private var owners: [Path: Set<Int>] = [:]
    private var rosters: [String: Roster] = [:]
    private var last: [UInt8] = []
    private var checkNumber: UInt32 = 0
    /// The start of the last payload that a viewer got.
    private(set) var lastPayload: UInt32?

    init(_ certificates: Certificates) {
        self.certificates = certificates
        unit = ForwardingUnit(
            certificate: certificates.ours, clock: WallClock(instant: now, unixNanoseconds: 1_700_000_000_000_000_000), entropy: .seeded(1))
    }

    /// One of eight ways: IPv4, IPv6, TCP.
    private static func path(_ number: Int) -> Path {
        let number = number & 7
        switch number {
        case 6: return Path(local: server, remote: SocketAddress(high: 0x2001_0db8 << 32, low: 6, port: 9_000))
        case 7: return Path(kind: .tcp, channel: 7, local: server, remote: SocketAddress(ipv4: 0x0a00_0107, port: 9_007))
        default: return Path(local: server, remote: SocketAddress(ipv4: 0x0a00_0100 + UInt32(number), port: 9_000 + UInt16(number)))
        }
    }

    private func peer(_ number: Int) -> UnitPeer? { number < peers.count ? peers[number] : nil }

    // MARK: Into the unit

    private func deliver(_ datagram: some Collection<UInt8>, by path: Path) throws(Finding) {
        try withCopy(of: datagram) { unit.receive($0, from: path, at: now, into: batch) }
        try collect()
    }

    /// Anything, from anybody.
    func receive(_ datagram: UnsafeRawBufferPointer, by number: Int) throws(Finding) {
        let path = UnitScene.path(number)
        let before = unit.statistics()
        let wasKnown = unit.isKnown(path)
        try withCopy(of: datagram) { unit.receive($0, from: path, at: now, into: batch) }
        if !wasKnown {
            let after = unit.statistics()
            try expect(batch.count == 0, "a stranger was answered")
            try expect(!unit.isKnown(path), "a stranger was remembered")
            try expect(
                after.transports == before.transports && after.rooms == before.rooms && after.publications == before.publications,
                "a stranger changed something")
        }
        try collect()
    }

    func open(kind: UInt8) throws(Finding) {
        guard peers.count < UnitScene.maximumPeers else { return }
        let parameters = UnitPeer.parameters(number: peers.count, kind: kind, certificates: certificates)
        do throws(ForwardingUnit.Refusal) {
            let id = try unit.open(parameters, at: now)
            let peer = UnitPeer(
                id: id, parameters: parameters, follows: kind == 3 ? "p0" : nil, certificates: certificates, at: now)
            peers.append(peer)
            rosters[peer.room, default: Roster()].add(id, identity: peer.identity, publishing: peer.tracks)
        } catch {
            throw Finding("a participant was refused: \(error)")
        }
        try collect()
    }

    /// An authentic check. Flags: bit 0 nominates, 1 claims to be controlled, 2 demands what is not understood, 3 uses the former credentials.
    func check(_ number: Int, by way: Int, flags: UInt8) throws(Finding) {
        guard let peer = peer(number) else { return }
        checkNumber &+= 1
        let path = UnitScene.path(way)
        let datagram = peer.check(
            flags & 8 != 0 ? peer.former ?? peer.local : peer.local, number: checkNumber, nominating: flags & 1 != 0,
            controlled: flags & 2 != 0, demanding: flags & 4 != 0)
        if peer.isOpen { owners[path, default: []].insert(number) }
        try deliver(datagram, by: path)
    }

    /// A nomination, and the whole handshake.
    func connect(_ number: Int, by way: Int) throws(Finding) {
        try check(number, by: way, flags: 1)
        for _ in 0..<6 { try shakeHands(number, by: way) }
    }

    /// The peer takes what has come for it, and answers.
    func shakeHands(_ number: Int, by way: Int) throws(Finding) {
        guard let peer = peer(number) else { return }
        let path = UnitScene.path(way)
        let replies = DatagramBatch(capacity: 64)
        if !peer.isStarted {
            peer.isStarted = true
            peer.dtls.start(path: path, at: now, into: replies)
        }
        let inbox = peer.inbox
        peer.inbox = []
        for datagram in inbox {
            guard case .established(let keys) = datagram.withUnsafeBytes({ peer.dtls.receive($0, path: path, at: now, into: replies) })
            else { continue }
            do throws(MediaSecurityError) { peer.srtp = try SRTPSession(keys: keys) } catch { throw Finding(error.description) }
        }
        for index in 0..<replies.count { try deliver(replies.bytes(index), by: path) }
    }

    func send(_ number: Int, isRTCP: Bool, _ plain: [UInt8]) throws(Finding) {
        guard let peer = peer(number), let sealed = peer.seal(plain, isRTCP: isRTCP) else { return }
        last = sealed
        try deliver(sealed, by: homePath(of: number))
    }

    func sendMedia(_ number: Int, _ media: SyntheticMedia) throws(Finding) {
        guard let plain = peer(number)?.write(media) else { return }
        try send(number, isRTCP: false, plain)
    }

    /// RTCP of a receiver: what it asks for is one of its own streams.
    func sendWish(_ number: Int, kind: UInt8, number sequence: UInt16) throws(Finding) {
        guard let peer = peer(number), !peer.ownStreams.isEmpty else { return }
        let media = peer.ownStreams[Int(kind >> 4) % peer.ownStreams.count].ssrc
        let sender = SSRC(77)
        let plain = ByteWriter.array { writer in
            switch kind & 3 {
            case 0:
                // Counted from what came last, where something did.
                let first = SequenceNumber(peer.newest[media].map { $0 &- sequence } ?? sequence)
                let sequences = (0..<Int(kind >> 2 & 3) + 1).map { first + $0 }
                _ = Nack.write(into: &writer, sender: sender, media: media, sequences: sequences.span)
            case 1: PictureLossIndication(sender: sender, media: media).write(into: &writer)
            case 2:
                let entry = FullIntraRequest.Entry(ssrc: media, sequenceNumber: UInt8(truncatingIfNeeded: sequence))
                FullIntraRequest.write(into: &writer, sender: sender, entries: [entry].span)
            default: ReceiverReport(ssrc: sender).write(into: &writer)
            }
        }
        if let plain { try send(number, isRTCP: true, plain) }
    }

    func sayGoodbye(_ number: Int) throws(Finding) {
        guard let peer = peer(number) else { return }
        let replies = DatagramBatch(capacity: 8)
        let path = homePath(of: number)
        peer.dtls.close(path: path, into: replies)
        for index in 0..<replies.count { try deliver(replies.bytes(index), by: path) }
    }

    func repeatLast(by number: Int) throws(Finding) { try deliver(last, by: UnitScene.path(number)) }

    /// A path that the peer has checked, the first of eight.
    private func homePath(of number: Int) -> Path {
        for way in 0..<8 where owners[UnitScene.path(way)]?.contains(number) == true { return UnitScene.path(way) }
        return UnitScene.path(number)
    }

    // MARK: Commands

    func restart(_ number: Int) throws(Finding) {
        guard let peer = peer(number) else { return }
        checkNumber &+= 1
        let fresh = ICECredentials(ufrag: "new\(checkNumber)", password: "another-password-of-24-chs")
        let isTaken = unit.restartICE(peer.id, local: fresh, remote: peer.remote, at: now, into: batch)
        try expect(isTaken == peer.isOpen, "a restart was \(isTaken ? "taken for one who is gone" : "refused")")
        if isTaken {
            peer.former = peer.local
            peer.local = fresh
        }
        try collect()
    }

    /// Another negotiation. Choices: bits 0 and 1 take its sections away, 2 makes its tracks new ones, 3 pauses, 4 wants the lowest layer,
    /// 5 carries nothing.
    func negotiate(_ number: Int, choices: UInt8) throws(Finding) {
        guard let peer = peer(number) else { return }
        if choices & 4 != 0 {
            for index in peer.receiving.indices { peer.receiving[index].track.rawValue += 1_000 }
        }
        peer.choices = choices
        rosters[peer.room]?.publish(peer.tracks, by: peer.id)
        let isTaken = configure(peer)
        try expect(isTaken == peer.isOpen, "sections were \(isTaken ? "taken for one who is gone" : "refused")")
        point()
        try collect()
    }

    private func configure(_ peer: UnitPeer) -> Bool {
        let sections = peer.sections
        return unit.configure(peer.id, receiving: sections.receiving, sending: sections.sending, at: now, into: batch)
    }

    /// The control plane has everybody watch whom they shall.
    private func point() {
        for peer in peers where peer.isOpen {
            var hasChanged = false
            for index in peer.sending.indices {
                let (section, current) = (peer.sending[index].parameters, peer.sending[index].source?.id)
                let source = rosters[peer.room]?.source(
                    for: section.kind, accepting: section.codecs.map(\.codec), of: peer.follows, to: peer.id, keeping: current)
                guard source?.id != current else { continue }
                peer.sending[index].source = source
                hasChanged = true
            }
            // It may be gone already, and the event that says so still on its way.
            if hasChanged { _ = configure(peer) }
        }
    }

    func close(_ number: Int) throws(Finding) {
        guard let peer = peer(number) else { return }
        unit.close(peer.id, reason: "the harness says so", at: now, into: batch)
        try collect()
        try expect(!peer.isOpen, "closed, and not told")
    }

    func forget(path number: Int) throws(Finding) {
        let path = UnitScene.path(number)
        unit.forget(path)
        try expect(!unit.isKnown(path), "a path that is gone is still known")
        try collect()
    }

    func release() throws(Finding) {
        var turns = 0
        while unit.hasDepartures {
            unit.release(at: now, into: batch)
            try collect()
            turns += 1
            try expect(turns < 512, "departures that never leave")
        }
    }

    /// Time passes, in steps as a loop would take them.
    func wait(_ time: Interval) throws(Finding) {
        let end = now + time
        for _ in 0..<1_000 {
            let due = max(now, unit.nextDeadline)
            guard due <= end else { break }
            now = due
            var turns = 0
            while unit.nextDeadline <= now {
                unit.handleTimeout(at: now, into: batch)
                try takeOutput()
                turns += 1
                try expect(turns < 64, "the deadline does not move: the loop would spin")
            }
            try release()
        }
        now = end
        try collect()
    }

    // MARK: Out of the unit

    /// Looks at everything that the unit sends and tells, and at what it knows.
    private func collect() throws(Finding) {
        try takeOutput()
        try expect(unit.departureCount <= 24_576, "\(unit.departureCount) departures wait")
        for way in 0..<8 where unit.isKnown(UnitScene.path(way)) {
            try expect(owners[UnitScene.path(way)] != nil, "a path is known that nobody has checked")
        }
        try expect(unit.statistics().transports == peers.count { $0.isOpen }, "participants were lost, or not told of")
    }

    private func takeOutput() throws(Finding) {
        for index in 0..<batch.count {
            let path = batch[index].path
            guard let owners = owners[path] else { throw Finding("something is sent to where no check came from") }
            try receive(batch.bytes(index), by: owners.count == 1 ? owners.first : nil)
        }
        batch.removeAll()
        for event in unit.takeEvents() {
            switch event {
            case .connected(let id):
                guard let peer = peers.first(where: { $0.id == id }) else { continue }
                rosters[peer.room]?.noteConnected(id)
                point()
            case .closed(let id, let reason):
                guard let peer = peers.first(where: { $0.id == id }) else { continue }
                try expect(peer.isOpen && !reason.isEmpty, "closed twice, or without a reason")
                peer.isOpen = false
                rosters[peer.room]?.remove(id)
                point()
            case .speaking(_, _, let level): try expect(level <= 8, "a level of \(level)")
            case .demand(_, _, let layers): try expect((0...4).contains(layers), "\(layers) layers are wanted")
            case .dominant, .quality, .paused: break
            }
        }
    }

    /// One datagram, as the peer on the other end of the path gets it; nil where several have used the path.
    private func receive(_ datagram: UnsafeRawBufferPointer, by number: Int?) throws(Finding) {
        guard let first = datagram.first, datagram.count <= 1_500 else { throw Finding("a datagram of \(datagram.count) bytes") }
        switch first {
        case 0...3: try expect(STUNMessage(datagram.bytes) != nil, "our own STUN does not parse")
        case 20...63:
            for (index, peer) in peers.enumerated() where number == nil || number == index {
                if peer.inbox.count < 64 { peer.inbox.append(Array(datagram)) }
            }
        case 128...191: if let number { try open(Array(datagram), as: peers[number]) }
        default: throw Finding("a datagram of no kind: \(first)")
        }
    }

    private func open(_ sealed: [UInt8], as peer: UnitPeer) throws(Finding) {
        // Whoever closed its end, or never finished the handshake, has nothing to open it with.
        guard let srtp = peer.srtp, peer.isOpen else { return }
        let isRTCP = RTCPPacket.isRTCP(sealed.span.bytes)
        if !isRTCP {
            guard try peer.hear(sealed) else { return }
        }
        var packet = sealed
        let result = packet.withUnsafeMutableBytes {
            isRTCP ? srtp.unprotectRTCP($0, length: $0.count) : srtp.unprotectRTP($0, length: $0.count)
        }
        guard case .ok(let length) = result else { throw Finding("the peer cannot open what it is sent: \(result)") }
        let plain = Array(packet[..<length])
        if isRTCP {
            try expect(RTCPPacketIterator.isValid(plain.span.bytes), "our own RTCP does not parse")
        } else {
            guard let header = RTPHeader.parse(plain.span.bytes) else { throw Finding("our own RTP does not parse") }
            let own = peer.ownStreams.flatMap { [$0.ssrc] + ($0.rtxSSRC.map { [$0] } ?? []) }
            try expect(own.contains(header.ssrc), "a viewer gets a stream that it was not told of")
            lastPayload = plain.span.bytes.uint32(at: header.payloadOffset)
        }
    }

    /// Two minutes of silence later nobody is left, and nothing is.
    func checkEnd() throws(Finding) {
        let statistics = unit.statistics()
        try expect(statistics.transports == 0 && statistics.rooms == 0, "\(statistics.transports) transports outlive two silent minutes")
        for way in 0..<8 { try expect(!unit.isKnown(UnitScene.path(way)), "a path outlives its participants") }
        try expect(unit.nextDeadline == .distantFuture, "a deadline with nobody left")
    }
}
