import MediaPrimitives
import RTP
import SDP

extension Offer {
    /// The answer's text: a section for each that was offered, in order (RFC 9429 §5.3.1); nil in `answered` refuses one.
    func answer(_ answered: [AnsweredSection?], order: [Int], local: LocalDescription, role: DTLSRole) -> String {
        var attributes: [Attribute] = []
        if bundle != nil {
            attributes.append(Attribute("group", (["BUNDLE"] + order.compactMap { mids[$0] }).joined(separator: " ")))
        }
        if session.allowsMixedExtensions { attributes.append(Attribute("extmap-allow-mixed")) }
        attributes.append(Attribute("ice-lite"))
        attributes.append(Attribute("ice-options", "ice2"))
        attributes.append(Attribute("msid-semantic", "WMS *"))

        let media = zip(sections, answered).enumerated().map { index, pair in
            let (offered, agreed) = pair
            guard let agreed else { return refusal(of: offered) }
            var section = agreed.mediaSection(local: local, role: role, transportProtocol: offered.transportProtocol)
            if index == order.first {
                section.attributes += local.candidateAttributes
                section.attributes.append(Attribute("end-of-candidates"))
            }
            return section
        }
        let origin = SessionDescription.Origin(sessionID: local.sessionID & (1 << 63 - 1), version: 2)
        return SessionDescription(origin: origin, attributes: attributes, media: media).text
    }

    /// Port 0, and an address all the same: there are parsers that want one.
    private func refusal(of offered: MediaSection) -> MediaSection {
        var attributes = [Attribute("inactive")]
        if let mid = offered.mid { attributes.insert(Attribute("mid", mid), at: 0) }
        return MediaSection(
            kind: offered.kind, port: 0, transportProtocol: offered.transportProtocol, formats: offered.formats, connection: .unspecified,
            attributes: attributes)
    }
}

extension AnsweredSection {
    fileprivate func mediaSection(local: LocalDescription, role: DTLSRole, transportProtocol: String) -> MediaSection {
        var attributes: [Attribute] = []
        if !parameters.mid.isEmpty { attributes.append(Attribute("mid", parameters.mid)) }
        attributes += [
            Attribute("ice-ufrag", local.credentials.ufrag), Attribute("ice-pwd", local.credentials.password), local.fingerprintAttribute,
            Attribute("setup", (role == .server ? Setup.passive : .active).rawValue), Attribute(direction.rawValue), Attribute("rtcp-mux"),
        ]
        if parameters.reducedSizeRTCP { attributes.append(Attribute("rtcp-rsize")) }
        if allowsMixedExtensions { attributes.append(Attribute("extmap-allow-mixed")) }
        attributes += mappings.map { Attribute("extmap", $0.text) }
        var formats: [String] = []
        for codec in parameters.codecs {
            formats.append(String(codec.payloadType))
            attributes += codec.attributes
            if remb.contains(codec.payloadType) { attributes.append(Attribute("rtcp-fb", "\(codec.payloadType) goog-remb")) }
            if let rtx = codec.rtxPayloadType {
                formats.append(String(rtx))
                attributes.append(Attribute("rtpmap", "\(rtx) rtx/\(codec.codec.clockRate)"))
                attributes.append(Attribute("fmtp", "\(rtx) apt=\(codec.payloadType)"))
            }
        }
        let (connection, port) = local.defaultAddress
        return MediaSection(
            kind: parameters.kind == .audio ? .audio : .video, port: port, transportProtocol: transportProtocol, formats: formats,
            connection: connection, attributes: attributes + trailing)
    }
}

extension CodecParameters {
    fileprivate var attributes: [Attribute] {
        let map = RTPMap(payloadType: payloadType, encodingName: codec.name, clockRate: codec.clockRate, channels: codec == .opus ? 2 : 1)
        var attributes = [Attribute("rtpmap", map.text)]
        if !format.isEmpty { attributes.append(Attribute("fmtp", "\(payloadType) \(format)")) }
        for (agreed, name) in [(transportCC, "transport-cc"), (fir, "ccm fir"), (nack, "nack"), (pli, "nack pli")] where agreed {
            attributes.append(Attribute("rtcp-fb", "\(payloadType) \(name)"))
        }
        return attributes
    }
}
