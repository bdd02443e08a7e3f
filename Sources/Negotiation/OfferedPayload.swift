import RTP
import SDP

/// A payload type of an offered section that names a codec we forward.
struct OfferedPayload {
    var payloadType: UInt8
    var codec: Codec
    var format: FormatParameters
    var rtxPayloadType: UInt8?
    /// Of `red`: the payload type of its frames (RFC 2198 §4).
    var redundancyOf: UInt8?
    var feedback: Feedback

    /// The kinds of feedback that are known (RFC 4585 §4.2, RFC 5104 §7.1, RFC 8888 §6; `transport-cc`, `goog-remb` and `rrtr` are Google's).
    struct Feedback: OptionSet {
        var rawValue: UInt8
        static let nack = Feedback(rawValue: 1)
        static let pli = Feedback(rawValue: 2)
        static let fir = Feedback(rawValue: 4)
        static let transportCC = Feedback(rawValue: 8)
        static let remb = Feedback(rawValue: 16)
        static let congestion = Feedback(rawValue: 32)
        static let referenceTime = Feedback(rawValue: 64)

        static let names: [(Feedback, String)] = [
            (.remb, "goog-remb"), (.transportCC, "transport-cc"), (.fir, "ccm fir"), (.nack, "nack"), (.pli, "nack pli"),
            (.congestion, "ack ccfb"), (.referenceTime, "rrtr"),
        ]
    }

    /// What two payload types of one bundle must share to be the same (RFC 9143 §9.1).
    var meaning: String { "\(codec.name)/\(profile)" }

    /// The part of the format that decides whether a decoder can decode it at all.
    var profile: String {
        switch codec {
        case .opus, .vp8: ""
        case .red: redundancyOf.map { String($0) } ?? ""
        case .vp9: format["profile-id"] ?? "0"
        case .av1: format["profile"] ?? "0"
        case .h264: "\(H264Profile(format)?.name ?? "?")/\(packetizationMode)"
        }
    }

    var packetizationMode: Int { format["packetization-mode"]?.decimal(Int.self) ?? 0 }

    /// The format as the answer states it: what this payload type is, without what only tells of the offerer's own decoder.
    var answeredFormat: String {
        switch codec {
        case .opus:
            format.keeping(["minptime", "useinbandfec", "stereo", "usedtx", "maxaveragebitrate", "maxplaybackrate", "cbr"]).text
        case .vp8: ""
        case .red: redundancyOf.map { "\($0)/\($0)" } ?? ""
        case .vp9: format.keeping(["profile-id"]).text
        case .h264: format.keeping(["level-asymmetry-allowed", "packetization-mode", "profile-level-id"]).text
        case .av1: format.keeping(["profile", "level-idx", "tier"]).text
        }
    }

    /// As an answer that takes all of it has it.
    var parameters: CodecParameters {
        CodecParameters(
            codec: codec, payloadType: payloadType, rtxPayloadType: rtxPayloadType, format: answeredFormat, nack: feedback.contains(.nack),
            pli: feedback.contains(.pli), fir: feedback.contains(.fir), transportCC: feedback.contains(.transportCC),
            congestionFeedback: feedback.contains(.congestion), referenceTime: feedback.contains(.referenceTime))
    }

    /// The usable payload types of a section, in its order: known codecs outside 64–95, which RTCP occupies once multiplexed (RFC 5761 §4).
    static func all(of section: MediaSection, kind: MediaKind) -> [OfferedPayload] {
        var maps: [UInt8: RTPMap] = [:]
        for map in section.rtpMaps where maps[map.payloadType] == nil { maps[map.payloadType] = map }
        var formats: [UInt8: FormatParameters] = [:]
        for format in section.formatAttributes where formats[format.payloadType] == nil {
            formats[format.payloadType] = FormatParameters(parsing: format.parameters)
        }
        var feedback: [UInt8: Feedback] = [:]
        var common: Feedback = []
        for offered in section.feedback {
            guard let known = Feedback.names.first(where: { $0.1 == offered.value })?.0 else { continue }
            if let payloadType = offered.payloadType { feedback[payloadType, default: []].insert(known) } else { common.insert(known) }
        }

        var payloads: [OfferedPayload] = []
        var retransmissions: [UInt8: UInt8] = [:]
        var seen: Set<UInt8> = []
        for text in section.formats {
            guard let payloadType = text.decimal(UInt8.self), payloadType < 128, !(64...95).contains(payloadType),
                seen.insert(payloadType).inserted, let map = maps[payloadType]
            else { continue }
            let format = formats[payloadType] ?? FormatParameters(parsing: "")
            let name = map.encodingName.lowercased()
            if name == "rtx" {
                if let media = format["apt"]?.decimal(UInt8.self), retransmissions[media] == nil { retransmissions[media] = payloadType }
                continue
            }
            guard let codec = Codec.allCases.first(where: { $0.name.lowercased() == name }), codec.kind == kind,
                map.clockRate == codec.clockRate, codec.kind != .audio || map.channels == 2,
                codec != .h264 || format.isUsableH264
            else { continue }
            payloads.append(
                OfferedPayload(
                    payloadType: payloadType, codec: codec, format: format,
                    redundancyOf: codec == .red ? format.redundancyOf : nil, feedback: common.union(feedback[payloadType] ?? [])))
        }
        // What repeats frames of anything but Opus is of no use.
        let sound = Set(payloads.filter { $0.codec == .opus }.map(\.payloadType))
        payloads.removeAll { $0.codec == .red && !($0.redundancyOf.map { sound.contains($0) } ?? false) }
        if kind == .video {
            for index in payloads.indices where payloads[index].feedback.contains(.nack) {
                payloads[index].rtxPayloadType = retransmissions[payloads[index].payloadType]
            }
        }
        return payloads
    }
}

extension FormatParameters {
    /// `111/111`: the payload type of all frames; nil where they are of several, or the list is no such.
    fileprivate var redundancyOf: UInt8? {
        guard items.count == 1, let item = items.first, item.value.isEmpty else { return nil }
        let types = Set(item.key.split(separator: "/", omittingEmptySubsequences: false).prefix(17).map { String($0).decimal(UInt8.self) })
        guard types.count == 1, let type = types.first ?? nil, item.key.contains("/") else { return nil }
        return type
    }

    /// Interleaved packets (mode 2, RFC 6184 §6.4) are sent by nobody and understood by no browser.
    fileprivate var isUsableH264: Bool { H264Profile(self) != nil && ["0", "1"].contains(self["packetization-mode"] ?? "0") }
}
