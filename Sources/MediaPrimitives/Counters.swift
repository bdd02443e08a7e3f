/// What a datagram carries, as its first byte tells (RFC 7983; RTCP by its second byte, RFC 5761 §4).
@frozen @usableFromInline
package enum PacketKind: Int, CaseIterable, Sendable {
    case stun, dtls, rtp, rtcp, retransmission, padding

    package var name: String {
        switch self {
        case .stun: "stun"
        case .dtls: "dtls"
        case .rtp: "rtp"
        case .rtcp: "rtcp"
        case .retransmission: "rtx"
        case .padding: "padding"
        }
    }
}

/// Why a packet was not used. A closed list: metrics have one series per case.
package enum DropReason: Int, CaseIterable, Sendable {
    /// Not STUN, DTLS, RTP or RTCP by its first byte, or empty, or longer than 1500 bytes.
    case unknownKind
    /// Media or DTLS from an address that no ICE check has validated.
    case unknownAddress
    /// A STUN message that does not parse, or whose user fragment is nobody's.
    case invalidSTUN
    /// A STUN check for a known user fragment whose MESSAGE-INTEGRITY or FINGERPRINT is wrong.
    case unauthenticatedSTUN
    /// DTLS that OpenSSL refused, or that arrived where none was due.
    case invalidDTLS
    /// SRTP or SRTCP before the handshake has ended.
    case noKeys
    /// SRTP or SRTCP that failed authentication.
    case unauthenticatedSRTP
    /// SRTP or SRTCP that had been received before.
    case replayedSRTP
    /// Decrypted, and still not valid RTP.
    case invalidRTP
    /// Decrypted, and still not valid RTCP.
    case invalidRTCP
    /// RTP of no negotiated section, or above the limit of streams.
    case unknownStream
    /// The send batch or a queue of the socket was full.
    case sendQueueFull
    /// DTLS of a handshake, while more handshakes than a worker keeps waiting were under way.
    case handshakeQueueFull

    package var name: String {
        switch self {
        case .unknownKind: "unknown_kind"
        case .unknownAddress: "unknown_address"
        case .invalidSTUN: "invalid_stun"
        case .unauthenticatedSTUN: "unauthenticated_stun"
        case .invalidDTLS: "invalid_dtls"
        case .noKeys: "no_keys"
        case .unauthenticatedSRTP: "unauthenticated_srtp"
        case .replayedSRTP: "replayed_srtp"
        case .invalidRTP: "invalid_rtp"
        case .invalidRTCP: "invalid_rtcp"
        case .unknownStream: "unknown_stream"
        case .sendQueueFull: "send_queue_full"
        case .handshakeQueueFull: "handshake_queue_full"
        }
    }
}

/// A worker's running totals: plain integers owned by its thread, copied out when somebody asks.
package struct Counters: Sendable {
    /// Packets and bytes, one pair for each `PacketKind`.
    @frozen @usableFromInline
    package struct Traffic: Sendable {
        @usableFromInline var packetCounts = InlineArray<6, UInt64>(repeating: 0)
        @usableFromInline var byteCounts = InlineArray<6, UInt64>(repeating: 0)

        package init() {}
        @inlinable package mutating func count(_ kind: PacketKind, bytes: Int) {
            packetCounts[kind.rawValue] &+= 1
            byteCounts[kind.rawValue] &+= UInt64(truncatingIfNeeded: bytes)
        }
        package func packets(_ kind: PacketKind) -> UInt64 { packetCounts[kind.rawValue] }
        package func bytes(_ kind: PacketKind) -> UInt64 { byteCounts[kind.rawValue] }
    }

    /// What was asked for by RTCP.
    package struct Requests: Sendable {
        /// PLI and FIR.
        package var keyframes: UInt64 = 0
        /// Packets that NACKs have named.
        package var packets: UInt64 = 0
    }

    /// By subscribers of us, and by us of publishers.
    package var requestsReceived = Requests()
    package var requestsSent = Requests()
    package var received = Traffic()
    package var sent = Traffic()
    private var drops = InlineArray<13, UInt64>(repeating: 0)

    package init() {}

    package mutating func drop(_ reason: DropReason, count: UInt64 = 1) { drops[reason.rawValue] &+= count }
    package func dropped(_ reason: DropReason) -> UInt64 { drops[reason.rawValue] }
}
