import COpenSSL
import MediaPrimitives

/// What became of a datagram or a deadline.
package enum DTLSResult: Sendable {
    /// Taken; the handshake or the association goes on.
    case progress
    /// The handshake has ended and the peer holds the certificate that the SDP named. Happens once.
    case established(SRTPKeys)
    /// Not used (`DropReason.invalidDTLS`); the association is as it was.
    case dropped
    /// The association is at an end, with a sentence why. No keys were or will be given.
    case failed(reason: String)
    /// The peer has closed the association, by close_notify or by a fatal alert after the handshake.
    case closed
}

/// One DTLS 1.2 association (RFC 6347) that keys SRTP (RFC 5764), as a state machine without sockets or clocks.
///
/// Contract: `start` once ICE has a valid path; every datagram that looks like DTLS to `receive`; `handleTimeout` at `nextDeadline`, which is to
/// be read again after each call. What is to be sent is appended to the batch handed in, addressed to the path handed in. Datagrams must come from
/// a path that ICE has validated: DTLS itself has no cookie exchange here. After `.failed` or `.closed` everything is `.dropped`.
///
/// Hostile datagrams: what is not well-formed DTLS of the right sender is dropped before OpenSSL sees it; a ClientHello that OpenSSL refuses leaves
/// a server as if it had not come. Not defended: well-formed forgeries in the middle of a handshake from the validated address, which DTLS 1.2
/// cannot tell from the peer's until its Finished.
///
/// Keys and signatures come from OpenSSL's own generator, for which the simulator has one from its seed: a simulated handshake has the same bytes
/// each time.
///
/// Confined to one thread, as the SSL inside it is.
package final class DTLSAssociation {
    /// From the first flight or the first datagram to keys.
    package static let handshakeLimit = Interval.seconds(30)
    /// From making to that first flight or datagram.
    package static let idleLimit = Interval.seconds(60)
    private static let longestRetransmission = Interval.seconds(3)
    /// One datagram carries fewer records than this.
    private static let maximumRecordsPerDatagram = 128

    private enum State { case idle, handshaking, established, ended }

    /// When `handleTimeout` is due.
    package private(set) var nextDeadline: Instant
    /// What ICE has measured, when it has: sets the first retransmission interval to twice that instead of 100 ms.
    package var roundTripTime: Interval?
    /// Datagrams that were dropped, for whatever reason.
    package private(set) var dropped: UInt64 = 0
    package let role: DTLSRole

    /// Application data of the datagram last received, one element a record (SCTP packets, RFC 8261); cleared by the next `receive`.
    package private(set) var applicationRecords: [[UInt8]] = []

    private let certificate: Certificate
    private let profiles: String
    private let port: DatagramPort
    private var ssl: OpaquePointer?
    private var state = State.idle
    private var giveUp: Instant
    private var retransmission = Interval.zero
    private var copiesSent = 0
    private var flightsSeen = 0
    /// Why OpenSSL refused the last ClientHello.
    private var refusal: String?

    /// - Parameters:
    ///   - fingerprints: the digests that the peer's SDP states; any may match.
    ///   - at: now.
    ///   - mtu: the longest datagram sent, in bytes of UDP payload.
    ///   - profiles: the SRTP profiles accepted, best first.
    package init(
        certificate: Certificate, role: DTLSRole, fingerprints: [CertificateFingerprint], at now: Instant, mtu: Int = 1200,
        profiles: [SRTPProfile] = SRTPProfile.allCases
    ) {
        self.certificate = certificate
        self.role = role
        self.profiles = profiles.map(\.name).joined(separator: ":")
        port = DatagramPort(mtu: min(max(mtu, 256), DatagramBatch.slotSize), fingerprints: fingerprints)
        giveUp = now + DTLSAssociation.idleLimit
        nextDeadline = giveUp
        ssl = makeSSL()
    }

    deinit { SSL_free(ssl) }

    /// True from `.established` to the end.
    package var isEstablished: Bool { state == .established }

    // MARK: - Calls

    /// ICE has a valid path. A client sends its first flight; for both roles the handshake's time starts to run. Further calls do nothing.
    package func start(path: Path, at now: Instant, into batch: DatagramBatch) {
        guard state == .idle else { return }
        begin(at: now)
        guard role == .client else { return }
        _ = step(UnsafeRawBufferPointer(start: nil, count: 0))
        afterStep(at: now)
        drain(to: path, into: batch)
    }

    /// Takes one datagram that arrived by `path`.
    package func receive(_ datagram: UnsafeRawBufferPointer, path: Path, at now: Instant, into batch: DatagramBatch) -> DTLSResult {
        applicationRecords.removeAll(keepingCapacity: true)
        let isExpectingHello = role == .server && state != .established && port.flightsBegun == 0
        guard
            state != .ended, state != .idle || role == .server,
            DTLSRecordFilter.accepts(
                datagram.bytes, from: role == .client ? .server : .client, expectingHello: isExpectingHello, shortestSealed: shortestSealed)
        else { return drop() }
        if state == .idle { begin(at: now) }

        let result = step(datagram)
        afterStep(at: now)
        switch result {
        case .progress, .established:
            drain(to: path, into: batch)
            return result
        case .dropped:
            port.outgoing.removeAll()
            return drop()
        case .failed, .closed:
            // An alert, or our close_notify.
            drain(to: path, into: batch)
            end()
            return result
        }
    }

    /// Retransmits or gives up, when it is time.
    package func handleTimeout(at now: Instant, path: Path, into batch: DatagramBatch) -> DTLSResult {
        guard state == .idle || state == .handshaking, now >= nextDeadline else { return .progress }
        guard now < giveUp else {
            let what = state == .idle ? "no DTLS handshake was begun within 60 s" : "the DTLS handshake was not finished within 30 s"
            end()
            return .failed(reason: refusal.map { "\(what); the last hello was refused: \($0)" } ?? what)
        }
        // Copies are missing when the system's clock was set back while OpenSSL wrote the flight; it makes them now.
        if port.copies.isEmpty { _ = step(UnsafeRawBufferPointer(start: nil, count: 0)) }
        // The last copy serves again should the copies run out.
        if let copy = port.copies.isEmpty ? nil : port.copies[min(copiesSent, port.copies.count - 1)] {
            copiesSent += 1
            DTLSAssociation.send(copy, to: path, into: batch)
            retransmission = min(retransmission * 2, DTLSAssociation.longestRetransmission)
            nextDeadline = min(now + retransmission, giveUp)
        } else {
            nextDeadline = giveUp
        }
        return .progress
    }

    /// Sends close_notify when there is somebody to understand it, and ends the association. Nothing is reported.
    package func close(path: Path, into batch: DatagramBatch) {
        if state == .established {
            shutDown()
            drain(to: path, into: batch)
        }
        end()
    }

    /// Sends one record of application data (an SCTP packet). False when there is no association or the record would exceed the MTU.
    @discardableResult
    package func send(_ record: UnsafeRawBufferPointer, path: Path, into batch: DatagramBatch) -> Bool {
        // 13 bytes of header, 8 of explicit nonce and 16 of tag, at most.
        guard state == .established, let ssl, record.count > 0, record.count <= port.mtu - 37 else { return false }
        ERR_clear_error()
        defer { ERR_clear_error() }
        guard SSL_alloc_buffers(ssl) == 1 else { return false }
        let written = port.withIncoming(UnsafeRawBufferPointer(start: nil, count: 0)) {
            SSL_write(ssl, record.baseAddress, Int32(truncatingIfNeeded: record.count))
        }
        drain(to: path, into: batch)
        return written > 0
    }

    // MARK: - Inside

    /// How many bytes the cipher adds to a record: a tag of 16, and under GCM an explicit nonce of 8 (RFC 5288 §3, RFC 7905 §2). Before a cipher
    /// is agreed no record can be encrypted.
    private var shortestSealed: Int {
        guard let ssl, let cipher = SSL_get_current_cipher(ssl) ?? SSL_get_pending_cipher(ssl) else { return .max }
        return SSL_CIPHER_get_cipher_nid(cipher) == NID_chacha20_poly1305 ? 16 : 24
    }

    private func begin(at now: Instant) {
        state = .handshaking
        giveUp = now + DTLSAssociation.handshakeLimit
        nextDeadline = giveUp
    }

    private func end() {
        state = .ended
        nextDeadline = .distantFuture
        port.forgetCopies()
        port.outgoing.removeAll()
        SSL_free(ssl)
        ssl = nil
    }

    private func drop() -> DTLSResult {
        dropped &+= 1
        return .dropped
    }

    private func makeSSL() -> OpaquePointer? {
        guard let ssl = SSL_new(certificate.context.pointer) else { return nil }
        // SSL_set_tlsext_use_srtp alone of all OpenSSL answers 0 for success.
        guard let bio = port.makeBIO() else {
            SSL_free(ssl)
            return nil
        }
        SSL_set_bio(ssl, bio, bio)
        guard SSL_set_tlsext_use_srtp(ssl, profiles) == 0 else {
            SSL_free(ssl)
            return nil
        }
        _ = apus_dtls_set_link_mtu(ssl, port.mtu)
        DTLS_set_timer_cb(ssl, DatagramPort.timer)
        if role == .client { SSL_set_connect_state(ssl) } else { SSL_set_accept_state(ssl) }
        return ssl
    }

    /// Shows OpenSSL one datagram (or none) and lets it work until it wants another.
    private func step(_ datagram: UnsafeRawBufferPointer) -> DTLSResult {
        guard let ssl else { return .failed(reason: "OpenSSL had no memory for a DTLS association") }
        ERR_clear_error()
        defer { ERR_clear_error() }
        return port.withIncoming(datagram) { state == .established ? readRecords(ssl) : shakeHands(ssl) }
    }

    private func shakeHands(_ ssl: OpaquePointer) -> DTLSResult {
        let code = SSL_do_handshake(ssl)
        if code == 1 { return finish(ssl) }
        let error = SSL_get_error(ssl, code)
        if error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE { return .progress }
        let reason = DTLSAssociation.errorText()
        if role == .server, port.flightsBegun == 0 {
            // Nobody has been answered yet, so nothing is lost: the real hello may still come. No alert leaves either, which a real
            // client behind a forged hello would take for its own.
            refusal = reason
            SSL_free(ssl)
            self.ssl = makeSSL()
            return .dropped
        }
        if port.refusedCertificate { return .failed(reason: "the peer's certificate matches no fingerprint of its SDP") }
        return .failed(reason: "the DTLS handshake failed: \(reason)")
    }

    /// The handshake is over: compares the certificate again, here where it counts, and only then takes keys.
    private func finish(_ ssl: OpaquePointer) -> DTLSResult {
        guard let peer = SSL_get1_peer_certificate(ssl) else { return .failed(reason: "the peer has shown no certificate") }
        defer { X509_free(peer) }
        guard CertificateFingerprint.matches(peer, anyOf: port.fingerprints) else {
            port.outgoing.removeAll()
            return .failed(reason: "the peer's certificate matches no fingerprint of its SDP")
        }
        guard let keys = SRTPKeys(exportedFrom: ssl, isClient: role == .client) else {
            shutDown()
            return .failed(reason: "the peer and we have no SRTP profile in common")
        }
        state = .established
        return .established(keys)
    }

    /// After the handshake: a repeated Finished (OpenSSL answers it by itself, RFC 6347 §4.2.4), close_notify, application data.
    private func readRecords(_ ssl: OpaquePointer) -> DTLSResult {
        defer { SSL_free_buffers(ssl) }
        return withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 16) { buffer in
            for _ in 0..<DTLSAssociation.maximumRecordsPerDatagram {
                let count = SSL_read(ssl, buffer.baseAddress, Int32(truncatingIfNeeded: buffer.count))
                if count > 0 {
                    applicationRecords.append(Array(buffer[..<Int(count)]))
                    continue
                }
                let error = SSL_get_error(ssl, count)
                if error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE { return .progress }
                if SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN != 0 {
                    if error == SSL_ERROR_ZERO_RETURN { SSL_shutdown(ssl) }
                    return .closed
                }
                return .dropped
            }
            return .progress
        }
    }

    private func shutDown() {
        guard let ssl else { return }
        ERR_clear_error()
        defer { ERR_clear_error() }
        // The buffers may have been freed since the last record, and OpenSSL does not look before it writes.
        guard SSL_alloc_buffers(ssl) == 1 else { return }
        SSL_shutdown(ssl)
    }

    /// Sets the deadlines anew after OpenSSL has worked.
    private func afterStep(at now: Instant) {
        if state == .established {
            nextDeadline = .distantFuture
            port.forgetCopies()
            if let ssl { SSL_free_buffers(ssl) }
        } else if port.flightsBegun != flightsSeen {
            flightsSeen = port.flightsBegun
            copiesSent = 0
            let doubled = roundTripTime.map { min(max($0 * 2, .milliseconds(50)), DTLSAssociation.longestRetransmission) }
            retransmission = doubled ?? .milliseconds(100)
            nextDeadline = min(now + retransmission, giveUp)
        }
    }

    private func drain(to path: Path, into batch: DatagramBatch) {
        guard !port.outgoing.isEmpty else { return }
        DTLSAssociation.send(port.outgoing, to: path, into: batch)
        port.outgoing.removeAll()
    }

    private static func send(_ flight: Flight, to path: Path, into batch: DatagramBatch) {
        flight.bytes.withUnsafeBytes { bytes in
            var start = 0
            for end in flight.ends {
                batch.append(to: path, copying: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                start = end
            }
        }
    }

    /// OpenSSL's reason, such as "no shared cipher" or "sslv3 alert handshake failure".
    private static func errorText() -> String {
        let code = ERR_peek_error()
        guard code != 0, let text = ERR_reason_error_string(code) else { return "no reason given" }
        return String(cString: text)
    }
}
