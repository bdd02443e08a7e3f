import MediaPrimitives
import RTP
import SDP

/// A section as our side writes it: of an answer, one that was accepted, and what was agreed for it; of an offer, what we propose.
struct LocalSection {
    var parameters: RTPParameters
    /// Ours.
    var direction: Direction
    var mappings: [ExtensionMapping] = []
    /// Payload types of `parameters.codecs` to which `goog-remb` is answered.
    var remb: Set<UInt8> = []
    var allowsMixedExtensions: Bool
    /// Whether later answers may turn the direction: then extensions of either are agreed to, so that the list stays the same.
    var isReused = false
    /// Written last: `a=rid`, `a=msid`, `a=ssrc` and the like.
    var trailing: [Attribute] = []

    init(section: MediaSection, kind: MediaKind, direction: Direction) {
        parameters = RTPParameters(
            mid: section.mid ?? "", kind: kind, codecs: [], extensions: HeaderExtensionMap(), reducedSizeRTCP: section.reducesRTCPSize)
        self.direction = direction
        allowsMixedExtensions = section.allowsMixedExtensions
    }

    /// A section of ours to offer.
    init(mid: String, kind: MediaKind, direction: Direction) {
        parameters = RTPParameters(mid: mid, kind: kind, codecs: [], extensions: HeaderExtensionMap(), reducedSizeRTCP: true)
        self.direction = direction
        allowsMixedExtensions = true
    }

    /// Agrees to the payloads, as far as the bundle allows, and to the extensions of `wanted` that the offer has.
    mutating func agree(
        payloads: [OfferedPayload], extensions wanted: [HeaderExtension], of section: MediaSection, in offer: PeerDescription,
        agreement: inout BundleAgreement
    ) {
        let mapped = answerExtensions(wanted, of: section, in: offer)
        let hasTransportCC = mapped.contains { $0.kind == .transportCC } && payloads.contains { $0.feedback.contains(.transportCC) }
        for payload in payloads where agreement.claim(payload) {
            var codec = payload.parameters
            if !agreement.claim(retransmissionsOf: payload) { codec.rtxPayloadType = nil }
            codec.transportCC = hasTransportCC && codec.transportCC
            // It is read and not written: only who is sent to tells by stream, and only where there is nothing better (decision record 0037).
            codec.congestionFeedback = codec.congestionFeedback && !hasTransportCC && direction == .sendonly
            parameters.codecs.append(codec)
            if payload.feedback.contains(.remb), !hasTransportCC, !codec.congestionFeedback { remb.insert(payload.payloadType) }
        }
        // Whoever does not get the codec cannot get it repeated.
        let types = Set(parameters.codecs.map(\.payloadType))
        let stranded = payloads.filter { $0.redundancyOf.map { !types.contains($0) } ?? false }.map(\.payloadType)
        parameters.codecs.removeAll { stranded.contains($0.payloadType) }
        for (kind, mapping) in mapped where kind != .transportCC || hasTransportCC {
            let id = UInt8(truncatingIfNeeded: mapping.id)
            guard parameters.extensions[kind] == 0, agreement.claim(id: id, uri: mapping.uri) else { continue }
            parameters.extensions[kind] = id
            mappings.append(mapping)
        }
    }

    /// The offered extensions that are wanted, with their direction turned round. Ids above 14 exist only in the two-byte form, and so only
    /// where both forms may be mixed; 15 means "stop" in the one-byte form, and browsers avoid it in both (RFC 8285 §4.2, §6). The structures of
    /// dependency descriptors need the two-byte form, too, and most packets do not.
    private func answerExtensions(
        _ wanted: [HeaderExtension], of section: MediaSection, in offer: PeerDescription
    ) -> [(kind: HeaderExtension, mapping: ExtensionMapping)] {
        let limit: UInt16 = offer.allowsMixedExtensions(in: section) ? 255 : 14
        return offer.extensionMappings(of: section).prefix(PeerDescription.mappingLimit).compactMap { offered in
            guard let kind = wanted.first(where: { $0.uri == offered.uri }), offered.id <= limit, offered.id != 15,
                kind != .dependencyDescriptor || limit > 14
            else { return nil }
            if !isReused, let theirs = offered.direction, direction.sends && !theirs.receives || direction.receives && !theirs.sends {
                return nil
            }
            return (kind, ExtensionMapping(id: offered.id, direction: offered.direction?.reversed, uri: offered.uri))
        }
    }
}
