import MediaPrimitives
import RTP
import SDP

/// An offer of a client that sends and receives in one bundle, and offers again whenever either changes: read once, asked what it holds,
/// then answered by `RoomAnswer`.
package struct RoomOffer: Sendable {
    /// An audio or video section that takes part: not refused by the client itself, in the bundle, and with a codec that is forwarded.
    package struct Section: Sendable, Hashable {
        package var mid: String
        package var kind: MediaKind
        /// The client's side: whether it offers to send, and to receive.
        package var sends: Bool
        package var receives: Bool
        /// Of `a=msid`, nil where it is absent or `-`; the same client may leave a stale one on a section that no longer sends.
        package var streamID: String?
        package var trackID: String?
        /// Those that are forwarded, each once, in the client's order; never empty.
        package var codecs: [Codec]
    }

    /// In the order of the offer. Data channels are not among them.
    package let sections: [Section]
    /// Whether the client offers data channels, accepted or not.
    package let hasDataChannels: Bool
    /// All that the client announces, so that ours can differ.
    package let ssrcs: Set<UInt32>
    /// Firefox says its name in `o=`.
    package var isFirefox: Bool { peer.session.origin.username.hasPrefix("mozilla") }

    let peer: PeerDescription
    /// Per m-line what it is to us; nil where it is refused.
    let roles: [SectionRole?]

    enum SectionRole: Sendable {
        case media(MediaKind, [OfferedPayload])
        case dataChannels
    }

    /// Reads an offer. `acceptsData: false` has data channels refused. Throws 400, 413 or 422.
    package init(_ text: String, acceptsData: Bool = true) throws(NegotiationError) {
        peer = try PeerDescription(text, limits: .room)
        var sections: [Section] = []
        var roles: [SectionRole?] = []
        var ssrcs: Set<UInt32> = []
        var hasDataChannels = false
        for section in peer.sections {
            ssrcs.formUnion(section.sourceAttributes.map(\.ssrc))
            for group in section.sourceGroups { ssrcs.formUnion(group.ssrcs) }
            if !hasDataChannels, try peer.carriesDataChannels(section) {
                hasDataChannels = true
                roles.append(acceptsData ? .dataChannels : nil)
                continue
            }
            // Without a mid, a section could not be told from the others of later offers.
            guard let kind = try peer.mediaKind(of: section), let mid = section.mid else {
                roles.append(nil)
                continue
            }
            let payloads = OfferedPayload.all(of: section, kind: kind)
            roles.append(payloads.isEmpty ? nil : .media(kind, payloads))
            guard !payloads.isEmpty else { continue }
            let direction = peer.direction(of: section)
            let msid = section.mediaStreamIDs.first
            var codecs: [Codec] = []
            for payload in payloads where !codecs.contains(payload.codec) { codecs.append(payload.codec) }
            sections.append(
                Section(
                    mid: mid, kind: kind, sends: direction.sends, receives: direction.receives, streamID: msid?.stream.nameOfMSID,
                    trackID: msid?.track?.nameOfMSID, codecs: codecs))
        }
        guard roles.contains(where: { $0 != nil }) else {
            throw .unusable("The offer has no section that can be used: Opus can, and VP8, VP9, H264 and AV1.")
        }
        self.sections = sections
        self.roles = roles
        self.ssrcs = ssrcs
        self.hasDataChannels = hasDataChannels
    }

    /// The transport that all sections share. Other credentials than before ask for an ICE restart. `role` is what the first answer agreed,
    /// nil for the first: later offers may swap it, and are answered with it all the same (RFC 8842 §5.5).
    package func transport(local: ICECredentials, role: DTLSRole? = nil) throws(NegotiationError) -> TransportParameters {
        try peer.transport(order: order, local: local, role: role)
    }

    /// Indices of the sections that take part, in the order of the bundle.
    var order: [Int] { peer.transportOrder(of: roles.indices.filter { roles[$0] != nil }) }
}

extension SDPLimits {
    /// For clients of rooms: 256 sections as large as Chromium's for video, which have 170 lines and 5 kB.
    package static var room: SDPLimits {
        var limits = SDPLimits()
        limits.bytes = 2 << 20
        limits.lines = 50_000
        limits.mediaSections = 256
        return limits
    }
}

extension String {
    /// `-` stands for none (RFC 8830 §2).
    fileprivate var nameOfMSID: String? { self == "-" ? nil : self }
}
