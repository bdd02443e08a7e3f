import MediaPrimitives
import RTP
import SDP

extension LocalDescription {
    /// The text of an offer or an answer of ours (RFC 9429 §5.2.1, §5.3.1). `bundle` holds the mids of the group, nil for none; `tagged` is
    /// the section whose transport carries all, where the candidates stand: all there will ever be.
    func text(version: UInt64, bundle: [String]?, mixesExtensions: Bool, media: [MediaSection], tagged: Int?) -> String {
        var attributes: [Attribute] = []
        if let bundle { attributes.append(Attribute("group", (["BUNDLE"] + bundle).joined(separator: " "))) }
        if mixesExtensions { attributes.append(Attribute("extmap-allow-mixed")) }
        attributes.append(Attribute("ice-lite"))
        attributes.append(Attribute("ice-options", "ice2"))
        attributes.append(Attribute("msid-semantic", "WMS *"))
        var media = media
        if let tagged, media.indices.contains(tagged) {
            media[tagged].attributes += candidateAttributes
            media[tagged].attributes.append(Attribute("end-of-candidates"))
        }
        let origin = SessionDescription.Origin(sessionID: sessionID & (1 << 63 - 1), version: version & (1 << 63 - 1))
        return SessionDescription(origin: origin, attributes: attributes, media: media).text
    }

    func transportAttributes(setup: Setup) -> [Attribute] {
        [
            Attribute("ice-ufrag", credentials.ufrag), Attribute("ice-pwd", credentials.password), fingerprintAttribute,
            Attribute("setup", setup.rawValue),
        ]
    }

    /// A section of data channels (RFC 8841 §5).
    func dataSection(mid: String, setup: Setup, transportProtocol: String) -> MediaSection {
        let (connection, port) = defaultAddress
        var attributes = mid.isEmpty ? [] : [Attribute("mid", mid)]
        attributes += transportAttributes(setup: setup)
        attributes += [Attribute("sctp-port", "5000"), Attribute("max-message-size", "262144")]
        return MediaSection(
            kind: .application, port: port, transportProtocol: transportProtocol, formats: ["webrtc-datachannel"], connection: connection,
            attributes: attributes)
    }
}

extension PeerDescription {
    /// The text of an answer to a publisher or a viewer, who do not offer again; as below.
    func answer(_ answered: [LocalSection?], order: [Int], local: LocalDescription, role: DTLSRole) -> String {
        let sections = zip(sections, answered).map { offered, agreed in
            agreed?.mediaSection(local: local, setup: role.answer, transportProtocol: offered.transportProtocol)
        }
        return answer(sections, order: order, local: local, version: 2)
    }

    /// The answer's text: a section for each that was offered, in order (RFC 9429 §5.3.1); nil in `answered` refuses one.
    func answer(_ answered: [MediaSection?], order: [Int], local: LocalDescription, version: UInt64) -> String {
        local.text(
            version: version, bundle: bundle == nil ? nil : order.compactMap { mids[$0] }, mixesExtensions: session.allowsMixedExtensions,
            media: zip(sections, answered).map { $1 ?? refusal(of: $0) }, tagged: order.first)
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

extension DTLSRole {
    /// What an answer says of it (RFC 8842 §5.3).
    var answer: Setup { self == .server ? .passive : .active }
}

extension LocalSection {
    func mediaSection(local: LocalDescription, setup: Setup, transportProtocol: String) -> MediaSection {
        var attributes: [Attribute] = []
        if !parameters.mid.isEmpty { attributes.append(Attribute("mid", parameters.mid)) }
        attributes += local.transportAttributes(setup: setup)
        attributes += [Attribute(direction.rawValue), Attribute("rtcp-mux")]
        if parameters.reducedSizeRTCP { attributes.append(Attribute("rtcp-rsize")) }
        if allowsMixedExtensions { attributes.append(Attribute("extmap-allow-mixed")) }
        attributes += mappings.map { Attribute("extmap", $0.text) }
        // For all payload types, or none (RFC 8888 §6).
        if parameters.codecs.contains(where: \.congestionFeedback) { attributes.append(Attribute("rtcp-fb", "* ack ccfb")) }
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
        let map = RTPMap(
            payloadType: payloadType, encodingName: codec.name, clockRate: codec.clockRate, channels: codec.kind == .audio ? 2 : 1)
        var attributes = [Attribute("rtpmap", map.text)]
        if !format.isEmpty { attributes.append(Attribute("fmtp", "\(payloadType) \(format)")) }
        let feedback = [
            (transportCC, "transport-cc"), (fir, "ccm fir"), (nack, "nack"), (pli, "nack pli"), (referenceTime, "rrtr"),
        ]
        for (agreed, name) in feedback where agreed { attributes.append(Attribute("rtcp-fb", "\(payloadType) \(name)")) }
        return attributes
    }
}
