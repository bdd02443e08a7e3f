import ICE
import MediaPrimitives
import MediaSecurity

/// One peer's association: ICE finds and keeps the path, DTLS proves who is there, SRTP carries the media.
///
/// Sans-IO: datagrams and instants in, datagrams, events and a next deadline out. It knows nothing of rooms or of what the media is.
///
///     new ──check answered──▶ reachable ──nominated, handshake done──▶ connected
///      └──────────────── 30 s of silence, handshake failed, close ───────────▶ closed (for good)
package final class Transport {
    private enum State { case connecting, connected, closed }

    @exclusivity(unchecked)  // Read once a packet; nothing is called while it is set.
    private var srtp: SRTPSession?
    /// The same, without a reference counted: for the packet path. Nothing that it does ends a session.
    private var lent: Unmanaged<SRTPSession>? { srtp.map { .passUnretained($0) } }
    /// Where media goes; nil while there is no nominated path. ICE's, kept where sending looks for it: a thousand agents do not stay in the cache.
    @exclusivity(unchecked)  // Read for each destination of a turn; nothing is called while it is set.
    package private(set) var selectedPath: Path?
    private let ice: ICEAgent
    private let dtls: DTLSAssociation
    private var state = State.connecting
    private var isHandshakeDone = false
    private var isHandshakeStarted = false
    private let role: DTLSRole
    private var events: [TransportEvent] = []

    package init(_ parameters: TransportParameters, certificate: Certificate, at now: Instant, entropy: Entropy) {
        ice = ICEAgent(local: parameters.local, remote: parameters.remote, at: now, entropy: entropy)
        dtls = DTLSAssociation(certificate: certificate, role: parameters.role, fingerprints: parameters.fingerprints, at: now)
        role = parameters.role
    }

    package var isConnected: Bool { state == .connected }

    /// The peer's DTLS datagrams are part of a handshake, which takes time.
    package var isShakingHands: Bool { !isHandshakeDone && state != .closed }

    package func isValidated(_ path: Path) -> Bool { path == selectedPath || ice.isValidated(path) }

    package func nextEvent() -> TransportEvent? { events.isEmpty ? nil : events.removeFirst() }

    // MARK: Receiving

    package func receiveSTUN(_ packet: RawSpan, from path: Path, at now: Instant, into batch: DatagramBatch) -> ICEResult {
        let result = ice.receive(packet, from: path, at: now, into: batch)
        readICE(at: now, into: batch)
        return result
    }

    /// Takes a DTLS datagram from a path that ICE has validated; others are dropped.
    package func receiveDTLS(
        _ datagram: UnsafeRawBufferPointer, from path: Path, at now: Instant, into batch: DatagramBatch
    ) -> DropReason? {
        guard state != .closed, isValidated(path) else { return .unknownAddress }
        return read(dtls.receive(datagram, path: path, at: now, into: batch), at: now)
    }

    /// Authenticates and decrypts in place. Only a validated path may bring media.
    package func unprotectRTP(_ packet: UnsafeMutableRawBufferPointer, from path: Path) -> SRTPResult {
        guard let lent else { return .dropped(.noKeys) }
        guard isValidated(path) else { return .dropped(.unknownAddress) }
        let result = lent._withUnsafeGuaranteedRef { $0.unprotectRTP(packet, length: packet.count) }
        if case .ok = result { followMedia(from: path) }
        return result
    }

    package func unprotectRTCP(_ packet: UnsafeMutableRawBufferPointer, from path: Path) -> SRTPResult {
        guard let srtp else { return .dropped(.noKeys) }
        guard isValidated(path) else { return .dropped(.unknownAddress) }
        let result = srtp.unprotectRTCP(packet, length: packet.count)
        if case .ok = result { followMedia(from: path) }
        return result
    }

    private func followMedia(from path: Path) {
        guard path != selectedPath else { return }
        ice.followMedia(from: path)
        selectedPath = ice.selectedPath
    }

    // MARK: Sending

    /// Bytes that must be free behind a packet that is to be encrypted.
    package static var trailingRoom: Int { SRTPSession.trailingRoom }

    /// Encrypts `length` bytes of `packet` in place, when `queue` is flushed at the latest; the buffer has room for the trailer, and stays until then.
    /// Returns the length on the wire, or nil.
    package func protectRTP(
        _ packet: UnsafeMutableRawBufferPointer, length: Int, deferring queue: borrowing SealingQueue
    ) -> Int? {
        guard let lent else { return nil }
        return lent._withUnsafeGuaranteedRef { $0.protectRTP(packet, length: length, deferring: queue) }
    }

    /// The same, encrypted at once.
    package func protectRTP(_ packet: UnsafeMutableRawBufferPointer, length: Int) -> Int? { srtp?.protectRTP(packet, length: length) }

    package func protectRTCP(_ packet: UnsafeMutableRawBufferPointer, length: Int) -> Int? {
        srtp?.protectRTCP(packet, length: length)
    }

    /// Where that lies which encryption touches; nil before there are keys.
    package var sendingMemory: SRTPSession.SendingMemory? { srtp?.sendingMemory }

    /// Nothing is sent under `ssrc` any more, ever.
    package func endStream(_ ssrc: SSRC) { srtp?.removeStream(ssrc) }

    // MARK: Life

    /// New ICE credentials; DTLS and the keys stay (RFC 8842 §5.5).
    package func restartICE(local: ICECredentials, remote: ICECredentials, at now: Instant, into batch: DatagramBatch) {
        ice.restart(local: local, remote: remote, at: now)
        readICE(at: now, into: batch)
    }

    /// A path that is no more (a TCP connection that ended).
    package func forget(_ path: Path) {
        ice.forget(path)
        selectedPath = ice.selectedPath
    }

    /// Says goodbye to the peer and ends.
    package func close(reason: String, into batch: DatagramBatch) {
        guard state != .closed else { return }
        if let path = ice.handshakePath { dtls.close(path: path, into: batch) }
        end(reason)
    }

    package var nextDeadline: Instant {
        switch state {
        case .closed: .distantFuture
        // Without a path there is nowhere to send a flight again; ICE's own deadline ends a transport that never finds one.
        case .connecting, .connected: ice.handshakePath == nil ? ice.nextDeadline : min(ice.nextDeadline, dtls.nextDeadline)
        }
    }

    package func handleTimeout(at now: Instant, into batch: DatagramBatch) {
        guard state != .closed else { return }
        if ice.nextDeadline <= now {
            ice.handleTimeout(at: now)
            readICE(at: now, into: batch)
        }
        if state != .closed, dtls.nextDeadline <= now, let path = ice.handshakePath {
            _ = read(dtls.handleTimeout(at: now, path: path, into: batch), at: now)
        }
    }

    private func readICE(at now: Instant, into batch: DatagramBatch) {
        while let event = ice.nextEvent() {
            switch event {
            case .connected:
                if role == .client, !isHandshakeStarted, let path = ice.handshakePath {
                    isHandshakeStarted = true
                    dtls.start(path: path, at: now, into: batch)
                }
                connectIfReady()
            case .expired: end("no ICE check for 30 seconds: the peer is gone")
            case .timedOut: end("no ICE check ever came: the peer cannot reach the announced addresses")
            case .retired(let ufrag): events.append(.retired(ufrag: ufrag))
            case .selected, .deselected, .quiet, .recovered, .refused: break
            }
        }
        selectedPath = ice.selectedPath
    }

    private func read(_ result: DTLSResult, at now: Instant) -> DropReason? {
        switch result {
        case .progress: return nil
        case .dropped: return .invalidDTLS
        case .established(let keys):
            do throws(MediaSecurityError) {
                srtp = try SRTPSession(keys: keys)
            } catch {
                end(error.description)
                return nil
            }
            isHandshakeDone = true
            connectIfReady()
            return nil
        case .failed(let sentence):
            end(sentence)
            return nil
        case .closed:
            end("the peer closed the connection")
            return nil
        }
    }

    private func connectIfReady() {
        guard state == .connecting, isHandshakeDone, ice.selectedPath != nil else { return }
        state = .connected
        events.append(.connected)
    }

    private func end(_ reason: String) {
        guard state != .closed else { return }
        state = .closed
        srtp = nil
        events.append(.closed(reason: reason))
    }
}
