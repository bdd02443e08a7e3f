import ICE
import MediaPrimitives
import MediaSecurity
import RTP

/// The client's side of one association, made from the production modules: a controlling ICE agent, DTLS in either role, SRTP.
package final class ClientTransport {
    package let ice: ICEController
    private let dtls: DTLSAssociation
    private var srtp: SRTPSession?
    /// What may be written on what is sent.
    package var extensions: HeaderExtensionMap
    private let shakesHands: Bool
    /// The transport-wide number of the next packet.
    package private(set) var transportSequence: UInt16

    package private(set) var profile: SRTPProfile?
    /// Why it ended; nil while it lives.
    package private(set) var closedReason: String?
    /// SRTP and SRTCP that was not used, by reason.
    package private(set) var drops: [DropReason: Int] = [:]

    /// What one datagram turned out to be, decrypted in place.
    package enum Received {
        case nothing
        case rtp(length: Int)
        case rtcp(length: Int)
    }

    package init(
        _ parameters: TransportParameters, certificate: Certificate, profiles: [SRTPProfile], path: Path, extensions: HeaderExtensionMap,
        shakesHands: Bool = true, renominates: Bool = true, at now: Instant, entropy: Entropy
    ) {
        self.shakesHands = shakesHands
        ice = ICEController(
            local: parameters.local, remote: parameters.remote, path: path, renominates: renominates, at: now, entropy: entropy)
        dtls = DTLSAssociation(
            certificate: certificate, role: parameters.role, fingerprints: parameters.fingerprints, at: now, profiles: profiles)
        self.extensions = extensions
        transportSequence = UInt16(truncatingIfNeeded: entropy.next())
    }

    package var isConnected: Bool { srtp != nil && closedReason == nil && ice.selectedPath != nil }

    package var nextDeadline: Instant {
        guard closedReason == nil else { return .distantFuture }
        return ice.selectedPath == nil ? ice.nextDeadline : min(ice.nextDeadline, dtls.nextDeadline)
    }

    package func receive(_ datagram: UnsafeMutableRawBufferPointer, from path: Path, at now: Instant, into batch: DatagramBatch) -> Received
    {
        guard closedReason == nil, let first = datagram.first else { return .nothing }
        switch first {
        case 0...3:
            _ = ice.receive(UnsafeRawBufferPointer(datagram).bytes, from: path, at: now, into: batch)
            readICE(at: now, into: batch)
        case 20...63:
            note(dtls.receive(UnsafeRawBufferPointer(datagram), path: path, at: now, into: batch))
        case 128...191:
            guard let srtp else { return .nothing }
            let isRTCP = RTCPPacket.isRTCP(UnsafeRawBufferPointer(datagram).bytes)
            let result =
                isRTCP ? srtp.unprotectRTCP(datagram, length: datagram.count) : srtp.unprotectRTP(datagram, length: datagram.count)
            switch result {
            case .ok(let length): return isRTCP ? .rtcp(length: length) : .rtp(length: length)
            case .dropped(let reason): drops[reason, default: 0] += 1
            }
        default: break
        }
        return .nothing
    }

    /// Whether a datagram is SRTP (not SRTCP), by its first bytes (RFC 7983 §7, RFC 5761 §4).
    package static func isRTP(_ datagram: UnsafeMutableRawBufferPointer) -> Bool {
        guard let first = datagram.first, (128...191).contains(first) else { return false }
        return !RTCPPacket.isRTCP(UnsafeRawBufferPointer(datagram).bytes)
    }

    package func handleTimeout(at now: Instant, into batch: DatagramBatch) {
        guard closedReason == nil else { return }
        ice.handleTimeout(at: now)
        readICE(at: now, into: batch)
        if let path = ice.selectedPath, dtls.nextDeadline <= now { note(dtls.handleTimeout(at: now, path: path, into: batch)) }
    }

    /// Writes what ICE wants to send, and acts on what it tells.
    package func readICE(at now: Instant, into batch: DatagramBatch) {
        ice.drain(into: batch)
        while let event = ice.nextEvent() {
            switch event {
            case .connected:
                if shakesHands, let path = ice.selectedPath { dtls.start(path: path, at: now, into: batch) }
            case .expired, .timedOut: closedReason = "the server does not answer"
            default: break
            }
        }
    }

    package func close(into batch: DatagramBatch) {
        if let path = ice.selectedPath { dtls.close(path: path, into: batch) }
        closedReason = "closed"
    }

    private func note(_ result: DTLSResult) {
        switch result {
        case .established(let keys):
            profile = keys.profile
            srtp = try? SRTPSession(keys: keys)
            if srtp == nil { closedReason = "no SRTP session" }
        case .failed(let reason): closedReason = reason
        case .closed: closedReason = "the server closed the connection"
        case .progress, .dropped: break
        }
    }

    // MARK: Sending

    /// `descriptor` is the packet's dependency descriptor; empty for none.
    package func sendRTP(
        _ header: OutgoingHeader, payload: [UInt8], descriptor: [UInt8] = [], at now: Instant, into batch: DatagramBatch
    ) {
        guard isConnected, let srtp, let path = ice.selectedPath else { return }
        batch.append(to: path) { slot in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: slot[..<1_468]))
            var header = header
            header.reservesSendTime = true
            header.reservesTransportSequence = true
            let stamps = header.write(into: &writer, extensions, descriptor: descriptor)
            writer.bytes(payload)
            stamps.stamp(slot, absSendTime: StampOffsets.absSendTime(now), transportSequence: transportSequence)
            transportSequence &+= 1
            return writer.overflowed ? 0 : srtp.protectRTP(slot, length: writer.count) ?? 0
        }
    }

    package func sendRTCP(into batch: DatagramBatch, _ body: (inout ByteWriter) -> Void) {
        guard isConnected, let srtp, let path = ice.selectedPath else { return }
        batch.append(to: path) { slot in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: slot[..<1_200]))
            body(&writer)
            return writer.overflowed || writer.count == 0 ? 0 : srtp.protectRTCP(slot, length: writer.count) ?? 0
        }
    }

    /// One packet of noise under valid keys: RTP of a random stream, or RTCP of random types.
    package func sendNoise(_ noise: Entropy, at now: Instant, into batch: DatagramBatch) {
        let draw = noise.next()
        let bytes = noise.bytes(Int(draw >> 32) % 200 + 16)
        if draw & 1 == 0 {
            var header = OutgoingHeader(
                payloadType: draw & 6 == 0 ? UInt8(truncatingIfNeeded: draw >> 8) & 0x3f : 96 + UInt8(truncatingIfNeeded: draw >> 8) % 3,
                marker: draw & 8 != 0, sequenceNumber: SequenceNumber(UInt16(truncatingIfNeeded: draw >> 16)),
                timestamp: UInt32(truncatingIfNeeded: draw >> 24), ssrc: SSRC(UInt32(truncatingIfNeeded: draw >> 12) % 100))
            header.mid = ShortText(draw & 16 == 0 ? "1" : "0") ?? ShortText()
            sendRTP(header, payload: bytes, at: now, into: batch)
        } else {
            let types: [UInt8] = [200, 201, 202, 203, 204, 205, 206, 207]
            sendRTCP(into: batch) { writer in
                writer.uint8(0x80 | UInt8(truncatingIfNeeded: draw >> 8) & 0x1f)
                writer.uint8(types[Int(draw >> 13 & 7)])
                writer.uint16(UInt16(bytes.count / 4))
                writer.bytes(Array(bytes[..<(bytes.count / 4 * 4)]))
            }
        }
    }
}
