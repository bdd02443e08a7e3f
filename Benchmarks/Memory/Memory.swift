import CMemory
import HeadlessClients
import MediaPrimitives
import MediaSecurity
import Rooms
import Simulation

/// What the forwarding unit holds for each viewer, in bytes of the C library's blocks, and what its idleness costs.
///
///     swift run -c release Memory [viewers]
///
/// Viewers connect in virtual time, by real DTLS. Then each is closed, with nothing else going on, and what that gives back is what was held for it.
/// Besides the blocks themselves there are 8 to 16 bytes for each that the C library keeps, and the unit's tables of some words each.
@main
struct Memory {
    struct NotConnected: Error {}

    static func main() throws {
        guard memory_watch_openssl() == 1 else { throw NotConnected() }
        let viewers = CommandLine.arguments.dropFirst().compactMap { Int($0) }.first { $0 > 0 } ?? 100
        print("bytes for each of \(viewers) viewers, picture and sound, AES-128-GCM")
        print("                        all   OpenSSL's   SRTP session   the rest")
        try measure("nobody publishes", viewers: viewers, publishing: false, seconds: 10)
        try measure("nothing was sent", viewers: viewers, publishing: true, seconds: 0)
        if viewers <= 1_000 { try measure("a picture, 30 s", viewers: viewers, publishing: true, seconds: 30) }
        print("an SRTP session with two streams each way takes \(try sizeOfSession(streams: 2))")
    }

    static func measure(_ title: String, viewers: Int, publishing: Bool, seconds: Int64) throws {
        let world = try SimulatedWorld(seed: 1)
        var everybody: [SimulatedPeer] = []
        if publishing {
            var plan = PeerPlan.publisher()
            if seconds == 0 { plan.startDelay = .seconds(1_000_000) }
            everybody.append(try world.join(plan))
        }
        for number in 0..<viewers {
            everybody.append(try world.join(PeerPlan.viewer("viewer \(number)")))
            // As many handshakes at once as a server would see.
            if number % 50 == 49 { world.run(for: .milliseconds(200)) }
        }
        guard world.run(for: .seconds(20), until: { everybody.allSatisfy(\.transport.isConnected) }) else { throw NotConnected() }
        world.run(for: .seconds(seconds))
        let idle = idleness(of: world.unit, from: world.now)

        let (all, openSSL) = (memory_live(), memory_of_openssl())
        let batch = DatagramBatch(capacity: 512)
        let taken = memory_live() - all
        for viewer in everybody.suffix(viewers) {
            world.unit.close(viewer.id, reason: "measured", at: world.now, into: batch)
            batch.removeAll()
            _ = world.unit.takeEvents()
        }
        let held = (all + taken - memory_live()) / Int64(viewers)
        let heldByOpenSSL = (openSSL - memory_of_openssl()) / Int64(viewers)
        let session = try sizeOfSession(streams: 0)
        print(
            column(title, 18) + column("\(held)", 9) + column("\(heldByOpenSSL)", 12) + column("\(session)", 15)
                + column("\(held - heldByOpenSSL - session)", 11))
        if !publishing { print("        their timers take \(idle) µs of CPU a second") }
    }

    /// Microseconds of CPU that a virtual second of doing nothing takes: 10 s of the unit's timers, which is before anybody counts as gone.
    static func idleness(of unit: ForwardingUnit, from now: Instant) -> Int64 {
        let batch = DatagramBatch(capacity: 512)
        let start = memory_cpu_nanoseconds()
        while unit.nextDeadline <= now + .seconds(10) {
            unit.handleTimeout(at: unit.nextDeadline, into: batch)
            batch.removeAll()
        }
        return (memory_cpu_nanoseconds() - start) / 10_000
    }

    /// What SRTP holds of one association with so many streams each way, OpenSSL's left out.
    static func sizeOfSession(streams: UInt8) throws -> Int64 {
        let profile = SRTPProfile.aeadAES128GCM
        let key = [UInt8](repeating: 7, count: profile.keyLength)
        let salt = [UInt8](repeating: 8, count: profile.saltLength)
        // It sends and receives under the same keys, so that it takes what it has sent.
        let make = { try SRTPSession(keys: SRTPKeys(profile: profile, localKey: key, localSalt: salt, remoteKey: key, remoteSalt: salt)) }
        let packet = UnsafeMutableRawBufferPointer.allocate(byteCount: 12 + SRTPSession.trailingRoom, alignment: 8)
        defer { packet.deallocate() }
        let first = try make()
        let before = memory_live() - memory_of_openssl()
        let second = try make()
        for ssrc in 0..<streams {
            packet.copyBytes(from: [0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, ssrc])
            guard let length = second.protectRTP(packet, length: 12), second.unprotectRTP(packet, length: length) == .ok(length: 12) else {
                throw NotConnected()
            }
        }
        let size = memory_live() - memory_of_openssl() - before
        return withExtendedLifetime((first, second)) { size }
    }

    /// Flushed right.
    static func column(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
}
