import MediaPrimitives
import RTP
import SDP

/// What all sections of one bundle must agree on: a payload type means one codec (RFC 9143 §9.1), an id one extension (§10) and the other
/// way round, an SSRC one stream. Whatever contradicts an earlier section is left out of the later one.
struct BundleAgreement {
    private var payloadTypes: [UInt8: String] = [:]
    private var extensions: [UInt8: String] = [:]
    private var extensionIDs: [String: UInt8] = [:]
    private var ssrcs: Set<UInt32> = []

    mutating func claim(_ payload: OfferedPayload) -> Bool { claim(payload.payloadType, meaning: payload.meaning) }

    /// Claims the retransmissions of a payload type that has been claimed.
    mutating func claim(retransmissionsOf payload: OfferedPayload) -> Bool {
        guard let rtx = payload.rtxPayloadType else { return false }
        return claim(rtx, meaning: "rtx/\(payload.payloadType)")
    }

    private mutating func claim(_ payloadType: UInt8, meaning: String) -> Bool {
        if let earlier = payloadTypes[payloadType] { return earlier == meaning }
        payloadTypes[payloadType] = meaning
        return true
    }

    mutating func claim(id: UInt8, uri: String) -> Bool {
        if let earlier = extensions[id] { return earlier == uri }
        guard extensionIDs[uri] == nil else { return false }
        extensions[id] = uri
        extensionIDs[uri] = id
        return true
    }

    mutating func claim(ssrc: UInt32) -> Bool { ssrc != 0 && ssrcs.insert(ssrc).inserted }

    /// A random SSRC that nothing in the bundle has yet.
    mutating func freshSSRC(_ entropy: Entropy) -> SSRC {
        var ssrc = entropy.ssrc()
        while !claim(ssrc: ssrc.rawValue) { ssrc = entropy.ssrc() }
        return ssrc
    }
}
