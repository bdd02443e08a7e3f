import SDP

/// The profile that `profile-level-id` names (RFC 6184 §8.1), without its level.
struct H264Profile: Equatable {
    var name: String
    /// Whether a decoder of any other profile decodes it too (constrained baseline is within baseline, main and high).
    var isConstrainedBaseline: Bool

    /// nil where the value is not six hexadecimal digits. Absent, it means baseline (RFC 6184 §8.1).
    init?(_ format: FormatParameters) {
        let digits = (format["profile-level-id"] ?? "42000a").utf8.map(\.hexDigit)
        guard digits.count == 6, let high = digits[0], let low = digits[1], let setsHigh = digits[2], digits.allSatisfy({ $0 != nil })
        else {
            return nil
        }
        let profile = high << 4 | low
        // profile_iop's first bits are constraint_set0_flag, 1, 2 and 3; table 5 of RFC 6184 names the profiles.
        let set0 = setsHigh & 8 != 0
        let set1 = setsHigh & 4 != 0
        switch profile {
        case 0x42: name = set1 ? "constrained baseline" : "baseline"
        case 0x4d: name = set0 ? (set1 ? "constrained baseline" : "baseline") : "main"
        case 0x58: name = set1 ? (set0 ? "constrained baseline" : "extended") : (set0 ? "baseline" : "extended")
        case 0x64: name = setsHigh & 3 == 0 && digits[3].map { $0 & 12 == 12 } == true ? "constrained high" : "high"
        default: name = String(profile, radix: 16) + "." + String(setsHigh, radix: 16)
        }
        isConstrainedBaseline = name == "constrained baseline"
    }

    /// How well a decoder of this profile takes a stream of another: 3 the same, 2 within it, 1 only perhaps.
    func fit(for stream: H264Profile) -> Int {
        if self == stream { return 3 }
        if stream.isConstrainedBaseline { return 2 }
        if isConstrainedBaseline && stream.name == "baseline" { return 2 }
        return 1
    }
}
