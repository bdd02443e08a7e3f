import MediaPrimitives

/// Looks at a datagram before OpenSSL does, so that what is not DTLS 1.2, or cannot belong to the handshake, is dropped instead of ending it.
///
///      0                   1                   2                   3
///     +---------------+---------------+---------------+---------------+
///     |     type      |        version (0xfe..)       |  epoch (16)   |   RFC 6347 §4.1
///     |               |      sequence number (48)                     |
///     |                                               |  length (16)  |
///     |               |  fragment: length bytes, several records may follow each other
///
/// The body of an unencrypted handshake record (epoch 0) is type (8), length (24), message sequence (16), fragment offset (24),
/// fragment length (24) (RFC 6347 §4.2.2).
enum DTLSRecordFilter {
    /// Longer handshake messages are refused before OpenSSL would take memory for them. Certificates are the longest; a post-quantum
    /// ClientHello has under 2 kB.
    static let maximumMessage = DTLSContext.maximumPeerChain + 1_024

    private static let recordHeader = 13
    private static let handshakeHeader = 12

    /// Whether `datagram` may be shown to an association. `expectingHello` is true of a server that has not answered a ClientHello yet: nothing
    /// but (fragments of) one is due then. Encrypted records have at least `shortestSealed` bytes: what the cipher adds to nothing.
    static func accepts(_ datagram: RawSpan, from sender: DTLSRole, expectingHello: Bool, shortestSealed: Int) -> Bool {
        guard datagram.byteCount <= 1_500 else { return false }
        var offset = 0
        while offset < datagram.byteCount {
            guard
                let type = datagram.uint8(at: offset), (20...23).contains(type),
                let version = datagram.uint16(at: offset + 1), version >> 8 == 0xfe,
                let epoch = datagram.uint16(at: offset + 3),
                let length = datagram.uint16(at: offset + 11)
            else { return false }
            let body = offset + recordHeader
            let end = body + Int(length)
            guard length > 0, end <= datagram.byteCount else { return false }
            if expectingHello, type != 22 || epoch != 0 { return false }
            // A wrong tag makes OpenSSL ignore a record; one without room for a tag ends its association for good.
            if epoch > 0, Int(length) < shortestSealed { return false }
            if type == 22, epoch == 0 {
                guard isPlausible(datagram, body..<end, from: sender, expectingHello: expectingHello) else { return false }
            }
            offset = end
        }
        return offset > 0
    }

    /// Checks the handshake messages or fragments in one unencrypted record.
    private static func isPlausible(_ datagram: RawSpan, _ body: Range<Int>, from sender: DTLSRole, expectingHello: Bool) -> Bool {
        var offset = body.lowerBound
        while offset < body.upperBound {
            guard
                offset + handshakeHeader <= body.upperBound,
                let type = datagram.uint8(at: offset),
                let length = datagram.uint24(at: offset + 1),
                let fragmentOffset = datagram.uint24(at: offset + 6),
                let fragmentLength = datagram.uint24(at: offset + 9)
            else { return false }
            let end = offset + handshakeHeader + Int(fragmentLength)
            guard
                length <= maximumMessage, fragmentOffset + fragmentLength <= length, end <= body.upperBound,
                expectingHello ? type == 1 : isSent(type, by: sender)
            else { return false }
            // An empty fragment of a message that is not empty says nothing and would cost a turn each.
            if fragmentLength == 0, length > 0 { return false }
            offset = end
        }
        return true
    }

    /// Handshake message types (RFC 5246 §7.4, RFC 6347 §4.3.2) by who sends them unencrypted in a full handshake.
    private static func isSent(_ type: UInt8, by sender: DTLSRole) -> Bool {
        switch sender {
        // client_hello, certificate, client_key_exchange, certificate_verify
        case .client: type == 1 || type == 11 || type == 16 || type == 15
        // hello_request, server_hello, hello_verify_request, new_session_ticket, certificate, server_key_exchange, certificate_request,
        // server_hello_done, certificate_status
        case .server: type == 0 || (2...4).contains(type) || (11...14).contains(type) || type == 22
        }
    }
}
