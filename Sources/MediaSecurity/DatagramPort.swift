import COpenSSL
import MediaPrimitives

/// The seam between an association and OpenSSL: a BIO in which one read is one datagram and one write is one datagram (a memory BIO would
/// merge the records of a flight beyond the MTU), and the stand-in for OpenSSL's retransmission timer.
///
/// **The timer.** OpenSSL measures retransmission with `gettimeofday`, which neither a simulation nor our own deadlines can drive. Sending the
/// same datagrams again is no way out: a record whose number was seen is dropped as a replay (RFC 6347 §4.1.2.6), so a server that has finished
/// would never repeat its last flight for a client that lost it. So the timer is made to expire at once, as often as a handshake can need it,
/// while a flight is being written: OpenSSL then writes that many copies, each in records with numbers of their own, and the timer is parked at
/// an hour. The copies wait here, and `DTLSAssociation` sends one at each of its own deadlines.
///
/// This file is the only one in which C calls back. A callback finds its port through the BIO's data pointer, which is unretained: the
/// association owns both the port and the SSL, and frees the SSL first.
final class DatagramPort {
    /// OpenSSL gives up after 12 retransmissions of one flight; with intervals doubling from 100 ms to 3 s these reach beyond 24 s.
    static let maximumCopies = 11

    let mtu: Int
    /// The peer's certificate must match one of these.
    let fingerprints: [CertificateFingerprint]
    /// What OpenSSL wrote to be sent now.
    var outgoing = Flight()
    /// Prepared retransmissions of the last flight that needs an answer.
    private(set) var copies: [Flight] = []
    /// How many flights that need an answer have been written; a change tells that retransmission starts afresh.
    private(set) var flightsBegun = 0
    /// Set when the peer's certificate was none of `fingerprints`.
    private(set) var refusedCertificate = false

    private var incoming = UnsafeRawBufferPointer(start: nil, count: 0)
    private var isCopying = false

    init(mtu: Int, fingerprints: [CertificateFingerprint]) {
        self.mtu = mtu
        self.fingerprints = fingerprints
    }

    /// Runs `body` with `datagram` there to be read once; it is not kept.
    func withIncoming<Value>(_ datagram: UnsafeRawBufferPointer, _ body: () -> Value) -> Value {
        incoming = datagram
        isCopying = false
        defer { incoming = UnsafeRawBufferPointer(start: nil, count: 0) }
        return body()
    }

    /// The handshake is over: no copy will be needed.
    func forgetCopies() { copies = [] }

    // MARK: - What OpenSSL calls

    private func write(_ records: UnsafeRawBufferPointer) {
        if isCopying, !copies.isEmpty {
            copies[copies.count - 1].append(records, mtu: mtu)
        } else {
            outgoing.append(records, mtu: mtu)
        }
    }

    private func read(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        guard incoming.count > 0 else { return nil }
        // As with a socket, what does not fit is lost; OpenSSL's buffer has room for the longest record.
        let count = min(incoming.count, buffer.count)
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: incoming[..<count]))
        incoming = UnsafeRawBufferPointer(start: nil, count: 0)
        return count
    }

    private static let expiredNow: UInt32 = 1
    private static let parked: UInt32 = 3_600_000_000

    /// OpenSSL asks how long, in microseconds, to wait: with 0 when it starts writing a flight, with the previous answer each time that has
    /// passed and it is about to write the flight again.
    private func timerInterval(after previous: UInt32) -> UInt32 {
        if previous == 0 {
            flightsBegun &+= 1
            copies = []
            isCopying = false
            return DatagramPort.expiredNow
        }
        guard copies.count < DatagramPort.maximumCopies else { return DatagramPort.parked }
        isCopying = true
        copies.append(Flight())
        return copies.count < DatagramPort.maximumCopies ? DatagramPort.expiredNow : DatagramPort.parked
    }

    private static func of(_ bio: OpaquePointer?) -> DatagramPort? {
        guard let bio, let pointer = BIO_get_data(bio) else { return nil }
        return Unmanaged<DatagramPort>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// A BIO over this port; the caller (an SSL) owns it, and must go before the port does.
    func makeBIO() -> OpaquePointer? {
        guard let method = DatagramPort.method.pointer, let bio = BIO_new(method) else { return nil }
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        BIO_set_init(bio, 1)
        return bio
    }

    /// Written once, then only read, by every thread.
    private struct Method: @unchecked Sendable { let pointer: OpaquePointer? }

    private static let method: Method = {
        guard let method = BIO_meth_new(BIO_get_new_index() | apus_bio_type_source_sink(), "datagram") else { return Method(pointer: nil) }
        BIO_meth_set_write(method) { bio, bytes, count in
            apus_bio_clear_retry(bio)
            guard let port = DatagramPort.of(bio), let bytes, count > 0 else { return -1 }
            port.write(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
            return count
        }
        BIO_meth_set_read(method) { bio, bytes, count in
            apus_bio_clear_retry(bio)
            guard let port = DatagramPort.of(bio), let bytes, count > 0 else { return -1 }
            guard let read = port.read(into: UnsafeMutableRawBufferPointer(start: bytes, count: Int(count))) else {
                apus_bio_want_read(bio)
                return -1
            }
            return Int32(truncatingIfNeeded: read)
        }
        BIO_meth_set_ctrl(method) { bio, command, number, _ in
            switch command {
            case BIO_CTRL_FLUSH: 1
            // Unanswered, OpenSSL would fall back to 256 bytes.
            case BIO_CTRL_DGRAM_QUERY_MTU, BIO_CTRL_DGRAM_GET_MTU, BIO_CTRL_DGRAM_GET_FALLBACK_MTU: DatagramPort.of(bio)?.mtu ?? 0
            case BIO_CTRL_DGRAM_SET_MTU: number
            // Our MTU counts the payload of a datagram only.
            case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD: 0
            default: 0
            }
        }
        return Method(pointer: method)
    }()

    /// For `DTLS_set_timer_cb`.
    static let timer: @convention(c) (OpaquePointer?, UInt32) -> UInt32 = { ssl, previous in
        guard let ssl, let port = DatagramPort.of(SSL_get_rbio(ssl)) else { return DatagramPort.parked }
        return port.timerInterval(after: previous)
    }

    /// For `SSL_CTX_set_cert_verify_callback`: compares here already, so that the peer is told by an alert and the handshake ends early.
    static let verifyPeer: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { store, _ in
        guard
            let store, let certificate = X509_STORE_CTX_get0_cert(store),
            let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
            let port = DatagramPort.of(SSL_get_rbio(OpaquePointer(ssl)))
        else { return 0 }
        if CertificateFingerprint.matches(certificate, anyOf: port.fingerprints) { return 1 }
        port.refusedCertificate = true
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED)
        return 0
    }
}
