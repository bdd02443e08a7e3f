import MediaPrimitives
import RTP
import SDP

/// Our own offer, to a client that only receives on this transport: all that we send it, section by section.
///
/// Offers follow each other for the life of the transport. Sections never disappear, move or change their kind: new ones are appended, and
/// one that has lost its track is offered inactive until it gets another (RFC 9429 §5.2.2).
package struct SubscriberOffer: Sendable {
    package struct Section: Sendable, Hashable {
        /// The caller's choice: a token of at most 16 characters, other than `data`.
        package var mid: String
        package var kind: MediaKind
        /// nil for a section that waits for its next track. So does one whose track is in a codec or profile that is not offered.
        package var outgoing: OutgoingTrack?

        package init(mid: String, kind: MediaKind, outgoing: OutgoingTrack? = nil) {
            self.mid = mid
            self.kind = kind
            self.outgoing = outgoing
        }
    }

    package let sdp: String

    /// Per m-line what was offered; nil for data channels.
    let offered: [Proposal?]
    let local: ICECredentials

    struct Proposal: Sendable {
        var section: LocalSection
        var payloads: [OfferedPayload]
        /// nil where the section is inactive.
        var outgoing: OutgoingTrack?
    }

    /// Writes the offer by RFC 9429 §5.2. `offersData` must be the same in all offers of a transport: data channels come first, so that
    /// they stay where they are. `version` is that of `o=`, one more with each offer.
    package init(sections: [Section], offersData: Bool, local: LocalDescription, version: UInt64, cname: String) {
        self.local = local.credentials
        offered = (offersData ? [nil] : []) + sections.map { Proposal($0, cname: cname) }
        let media = offered.map { proposal in
            guard let proposal else {
                return local.dataSection(mid: Self.dataMID, setup: .actpass, transportProtocol: "UDP/DTLS/SCTP")
            }
            return proposal.section.mediaSection(local: local, setup: .actpass, transportProtocol: "UDP/TLS/RTP/SAVPF")
        }
        sdp = local.text(
            version: version, bundle: offered.map { $0?.section.parameters.mid ?? Self.dataMID }, mixesExtensions: true, media: media,
            tagged: media.isEmpty ? nil : 0)
    }

    static let dataMID = "data"
}

extension SubscriberOffer.Proposal {
    fileprivate init(_ section: SubscriberOffer.Section, cname: String) {
        let all = OfferedPayload.ours(section.kind)
        if let track = section.outgoing?.track, let fitting = OfferedPayload.subscription(to: track, from: all) {
            payloads = fitting
            outgoing = section.outgoing
        } else {
            payloads = all
        }
        self.section = LocalSection(mid: section.mid, kind: section.kind, direction: outgoing == nil ? .inactive : .sendonly)
        self.section.parameters.codecs = payloads.map(\.parameters)
        self.section.mappings = ExtensionMapping.ours(section.kind)
        for (kind, id) in HeaderExtension.offered(section.kind) { self.section.parameters.extensions[kind] = id }
        if var outgoing {
            if section.kind == .audio { outgoing.stream.rtxSSRC = nil }
            self.outgoing = outgoing
            self.section.send(outgoing.track, as: outgoing.stream, cname: cname)
        }
    }
}

// What we offer is numbered once and for all: every section, and every offer that follows, must mean the same (RFC 9143 §9.1, RFC 8285 §6).

extension HeaderExtension {
    /// What we stamp, in the numbers that Chromium uses itself; for the dependency descriptor it has none of its own.
    fileprivate static func offered(_ kind: MediaKind) -> [(HeaderExtension, UInt8)] {
        [(.absSendTime, 2), (.transportCC, 3), (.mid, 4), kind == .audio ? (.audioLevel, 1) : (.dependencyDescriptor, 12)]
    }
}

extension ExtensionMapping {
    fileprivate static func ours(_ kind: MediaKind) -> [ExtensionMapping] {
        HeaderExtension.offered(kind).map { ExtensionMapping(id: UInt16($0.1), uri: $0.0.uri) }
    }
}

extension OfferedPayload {
    /// The payload types that we offer, in the order in which a section without a track lists them.
    fileprivate static func ours(_ kind: MediaKind) -> [OfferedPayload] {
        switch kind {
        case .audio:
            [
                OfferedPayload(payloadType: 111, .opus, "minptime=10;useinbandfec=1", feedback: [.nack, .transportCC]),
                redundancy(63, of: 111),
            ]
        case .video:
            [
                video(96, .vp8, ""), video(98, .vp9, "profile-id=0"), video(45, .av1, ""),
                video(102, .h264, h264("42e01f")), video(104, .h264, h264("42001f")), video(106, .h264, h264("4d001f")),
                video(108, .h264, h264("64001f")), video(100, .vp9, "profile-id=2"),
            ]
        }
    }

    private static func redundancy(_ payloadType: UInt8, of other: UInt8) -> OfferedPayload {
        var payload = OfferedPayload(payloadType: payloadType, .red, "", feedback: [])
        payload.redundancyOf = other
        return payload
    }

    /// Retransmissions have the next payload type.
    private static func video(_ payloadType: UInt8, _ codec: Codec, _ format: String) -> OfferedPayload {
        var payload = OfferedPayload(payloadType: payloadType, codec, format, feedback: [.nack, .pli, .fir, .transportCC])
        payload.rtxPayloadType = payloadType + 1
        return payload
    }

    private static func h264(_ profile: String) -> String { "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=\(profile)" }

    private init(payloadType: UInt8, _ codec: Codec, _ format: String, feedback: Feedback) {
        self.init(payloadType: payloadType, codec: codec, format: FormatParameters(parsing: format), feedback: feedback)
    }
}
