import CAllocations
import EventLoop
import HeadlessClients
import ICE
import MediaPrimitives
import MediaSecurity
import RTP
import ReferenceSRTP
import Rooms
import Simulation

/// A room of one publisher and its viewers, connected in virtual time, whose packets then are driven by hand.
final class ForwardingBench {
    struct Cost {
        var receive: Int64 = 0
        var release: Int64 = 0
        var allocations: UInt64 = 0
        var packets = 0

        static func += (a: inout Cost, b: Cost) {
            a.receive += b.receive
            a.release += b.release
            a.allocations += b.allocations
            a.packets += b.packets
        }
    }

    struct NotConnected: Error {}

    /// What lies between the datagram's arrival and the viewers.
    enum Crossing: CaseIterable {
        case nothing
        /// It arrives at the other worker than its participant's.
        case handOver
        /// The viewers are on the other worker.
        case relay
    }

    private let world: SimulatedWorld
    private let publisher: SimulatedPeer
    private let path: Path
    /// Where datagrams arrive, and where they leave.
    private let entrance: ForwardingUnit
    private let exit: ForwardingUnit
    private let ring: RecordRing?
    private let incoming = DatagramBatch(capacity: PacketPath.burst)
    private let outgoing = DatagramBatch(capacity: 512)
    private let payload: [UInt8]
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: DatagramBatch.slotSize, alignment: 64)
    private let cipher: ReferenceSession
    private var cipherSequence: UInt16 = 0
    private var sequence: UInt16 = 0
    private var pictureID: UInt16 = 0
    private var now: Instant

    /// Pictures are of three temporal layers, and say so in dependency descriptors, too.
    private let hasLayers: Bool

    init(viewers: Int, payload: Int, profile: SRTPProfile, hasLayers: Bool = false, crossing: Crossing = .nothing) throws {
        self.hasLayers = hasLayers
        var limits = ForwardingUnit.Limits()
        limits.controlsCongestion = false
        let world = try SimulatedWorld(seed: 1, workers: crossing == .nothing ? 1 : 2, limits: limits)
        self.world = world
        entrance = world.units[crossing == .handOver ? 1 : 0]
        let viewersWorker = crossing == .relay ? 1 : 0
        exit = world.units[viewersWorker]
        ring = crossing == .nothing ? nil : RecordRing(capacity: 512 * 1_024)
        var plan = PeerPlan.publisher()
        plan.startDelay = .seconds(1_000_000)
        plan.profiles = [profile]
        plan.arrivesAt = entrance.worker
        let publisher = try world.join(plan)
        self.publisher = publisher
        let all =
            try (0..<viewers).map { number in
                var plan = PeerPlan.viewer("viewer \(number)")
                plan.worker = viewersWorker
                plan.profiles = [profile]
                return try world.join(plan)
            } + [publisher]
        guard world.run(for: .seconds(20), until: { all.allSatisfy(\.transport.isConnected) }),
            let ours = publisher.transport.ice.selectedPath
        else { throw NotConnected() }
        world.run(for: .milliseconds(100))
        path = Path(local: ours.remote, remote: ours.local)
        now = world.now
        self.payload = [UInt8](repeating: 0x5a, count: payload)
        let key = [UInt8](repeating: 7, count: profile.keyLength)
        let salt = [UInt8](repeating: 8, count: profile.saltLength)
        cipher = try ReferenceSession(
            keys: SRTPKeys(profile: profile, localKey: key, localSalt: salt, remoteKey: key, remoteSalt: salt))
        guard publisher.transport.profile == profile else { throw NotConnected() }
    }

    deinit { scratch.deallocate() }

    /// A burst of packets of one frame arrives and is forwarded to everybody. `forCallgrind` has it count the same as is timed.
    func turn(forCallgrind: Bool = false) -> Cost {
        incoming.removeAll()
        pictureID = (pictureID + 1) & 0x7fff
        for part in 0..<PacketPath.burst {
            var header = OutgoingHeader(
                payloadType: 96, marker: part == PacketPath.burst - 1, sequenceNumber: SequenceNumber(sequence),
                timestamp: UInt32(pictureID) &* 3_000,
                ssrc: SSRC(0x1234_5678))
            header.mid = ShortText("1") ?? ShortText()
            sequence &+= 1
            // VP8: 15 bits of PictureID, TL0PICIDX, TID and KEYIDX; a keyframe to begin with.
            let isKey = pictureID == 1 && part == 0
            let layer: UInt8 = hasLayers ? [0, 2, 1, 2][Int(pictureID &- 1) & 3] : 0
            let base = hasLayers ? (pictureID &- 1) >> 2 : pictureID
            let descriptor: [UInt8] = [
                part == 0 ? 0x90 : 0x80, 0xf0, 0x80 | UInt8(pictureID >> 8), UInt8(pictureID & 0xff), UInt8(base & 0xff), layer << 6 | 0x01,
            ]
            let start: [UInt8] = isKey ? [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01] : [0x11]
            publisher.transport.sendRTP(
                header, payload: descriptor + start + payload.dropFirst(descriptor.count + start.count),
                descriptor: hasLayers ? dependencies(part) : [], at: now, into: incoming)
        }
        now = now + .milliseconds(5)

        var cost = Cost()
        let allocations = allocations_of_thread()
        let start = cpu_nanoseconds_of_thread()
        if forCallgrind { callgrind_begin() }
        for index in 0..<incoming.count {
            entrance.receive(UnsafeMutableRawBufferPointer(mutating: incoming.bytes(index)), from: path, at: now, into: outgoing)
        }
        if let ring { cross(ring) }
        let received = cpu_nanoseconds_of_thread()
        repeat {
            exit.release(at: now, into: outgoing)
            cost.packets += outgoing.count
            outgoing.removeAll()
        } while exit.hasDepartures
        if forCallgrind { callgrind_end() }
        cost.receive = received - start
        cost.release = cpu_nanoseconds_of_thread() - received
        cost.allocations = allocations_of_thread() - allocations

        // Feedback to the publisher and reports to the viewers: not counted, and not to pile up.
        for unit in world.units {
            while unit.nextDeadline <= now {
                unit.handleTimeout(at: now, into: outgoing)
                outgoing.removeAll()
            }
        }
        return cost
    }

    /// The dependency descriptor of a part of the present picture: with the keyframe comes the structure of "RTP Payload Format For AV1", A.10.
    private func dependencies(_ part: Int) -> [UInt8] {
        let template: UInt8 = pictureID == 1 ? 0 : [1, 3, 2, 4][Int(pictureID &- 1) & 3]
        let ends: UInt8 = (part == 0 ? 0x80 : 0) | (part == PacketPath.burst - 1 ? 0x40 : 0)
        let structure: [UInt8] = [0x80, 0x02, 0x14, 0xea, 0xaa, 0x44, 0x10, 0x4d, 0x14, 0x10, 0x20, 0x84, 0x26]
        return [ends | template, UInt8(pictureID >> 8), UInt8(pictureID & 0xff)] + (pictureID == 1 && part == 0 ? structure : [])
    }

    /// What the one worker tells at the end of its turn and the other hears in its own.
    private func cross(_ ring: RecordRing) {
        let (from, to) = (entrance, world.units[1 - entrance.worker])
        from.tell(to.worker) { ring.push($0, keepingFree: $1.reserve(of: ring.capacity)) }
        _ = ring.publish()
        ring.drain { to.receive(record: $0, from: from.worker, at: now, into: outgoing) }
    }

    /// What libsrtp2 takes alone for a packet of this size, in ns.
    func cipherAlone(packets: Int) -> Double {
        let start = cpu_nanoseconds_of_thread()
        for _ in 0..<packets {
            var writer = ByteWriter(scratch)
            _ = OutgoingHeader(
                payloadType: 96, marker: false, sequenceNumber: SequenceNumber(cipherSequence), timestamp: 0, ssrc: SSRC(5)
            ).write(into: &writer, HeaderExtensionMap())
            cipherSequence &+= 1
            _ = cipher.protect(scratch, length: writer.count + 16 + payload.count, isRTCP: false)
        }
        return Double(cpu_nanoseconds_of_thread() - start) / Double(packets)
    }
}
