import MediaPrimitives
import RTP
import SDP

/// What a client offers: written with the SDP module, as a browser would.
package struct ClientOffer: Sendable {
    package struct Section: Sendable {
        package var mid: String
        package var kind: MediaKind
        package var direction: Direction
        package var codecs: [CodecParameters]
        /// Of a simulcast sender, lowest layer first.
        package var rids: [String] = []
        /// What a sender calls its track.
        package var trackID: String?

        package init(
            mid: String, kind: MediaKind, direction: Direction, codecs: [CodecParameters], rids: [String] = [], trackID: String? = nil
        ) {
            self.mid = mid
            self.kind = kind
            self.direction = direction
            self.codecs = codecs
            self.rids = rids
            self.trackID = trackID
        }
    }

    package var credentials: ICECredentials
    package var fingerprint: CertificateFingerprint
    package var sessionID: UInt64
    package var version: UInt64 = 1
    package var sections: [Section]

    package init(credentials: ICECredentials, fingerprint: CertificateFingerprint, sessionID: UInt64, sections: [Section]) {
        self.credentials = credentials
        self.fingerprint = fingerprint
        self.sessionID = sessionID
        self.sections = sections
    }

    package var text: String {
        let media = sections.map { section in
            var attributes = [
                Attribute("mid", section.mid), Attribute("ice-ufrag", credentials.ufrag), Attribute("ice-pwd", credentials.password),
                Attribute("ice-options", "trickle"),
                Attribute("fingerprint", Fingerprint(hash: fingerprint.algorithm.rawValue, digest: fingerprint.digest).text),
                Attribute("setup", "actpass"), Attribute(section.direction.rawValue), Attribute("rtcp-mux"), Attribute("rtcp-rsize"),
            ]
            attributes += ClientOffer.extensions(section.kind).map {
                Attribute("extmap", ExtensionMapping(id: UInt16($0.id), uri: $0.kind.uri).text)
            }
            if let track = section.trackID { attributes.append(Attribute("msid", "- \(track)")) }
            var formats: [String] = []
            for codec in section.codecs {
                let name = codec.codec
                formats.append(String(codec.payloadType))
                attributes.append(
                    Attribute(
                        "rtpmap",
                        RTPMap(
                            payloadType: codec.payloadType, encodingName: name.name, clockRate: name.clockRate,
                            channels: name == .opus ? 2 : 1
                        ).text))
                if !codec.format.isEmpty { attributes.append(Attribute("fmtp", "\(codec.payloadType) \(codec.format)")) }
                for (has, value) in [
                    (codec.transportCC, "transport-cc"), (codec.fir, "ccm fir"), (codec.nack, "nack"), (codec.pli, "nack pli"),
                ] where has { attributes.append(Attribute("rtcp-fb", "\(codec.payloadType) \(value)")) }
                if let rtx = codec.rtxPayloadType {
                    formats.append(String(rtx))
                    attributes.append(Attribute("rtpmap", "\(rtx) rtx/\(name.clockRate)"))
                    attributes.append(Attribute("fmtp", "\(rtx) apt=\(codec.payloadType)"))
                }
            }
            attributes += section.rids.map { Attribute("rid", "\($0) send") }
            if !section.rids.isEmpty { attributes.append(Attribute("simulcast", "send " + section.rids.joined(separator: ";"))) }
            return MediaSection(
                kind: section.kind == .audio ? .audio : .video, port: 9, transportProtocol: "UDP/TLS/RTP/SAVPF", formats: formats,
                connection: .unspecified, attributes: attributes)
        }
        let origin = SessionDescription.Origin(sessionID: sessionID & (1 << 62 - 1), version: version)
        let attributes = [
            Attribute("group", (["BUNDLE"] + sections.map(\.mid)).joined(separator: " ")), Attribute("extmap-allow-mixed"),
            Attribute("msid-semantic", "WMS *"),
        ]
        return SessionDescription(origin: origin, attributes: attributes, media: media).text
    }

    // MARK: What a client has, in Chromium's numbers

    package static let opus = CodecParameters(
        codec: .opus, payloadType: 111, format: "minptime=10;useinbandfec=1;usedtx=1", transportCC: true)
    package static let videoCodecs = [
        video(.vp8, 96, ""), video(.vp9, 98, "profile-id=0"),
        video(.h264, 102, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
        video(.av1, 45, "level-idx=5;profile=0;tier=0"),
    ]

    private static func video(_ codec: Codec, _ payloadType: UInt8, _ format: String) -> CodecParameters {
        CodecParameters(
            codec: codec, payloadType: payloadType, rtxPayloadType: payloadType + 1, format: format, nack: true, pli: true, fir: true,
            transportCC: true)
    }

    private static func extensions(_ kind: MediaKind) -> [(kind: HeaderExtension, id: UInt8)] {
        [(.absSendTime, 2), (.transportCC, 3), (.mid, 4)]
            + (kind == .audio ? [(.audioLevel, 1)] : [(.rid, 10), (.repairedRid, 11), (.dependencyDescriptor, 12)])
    }
}
