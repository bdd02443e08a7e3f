/// `a=fingerprint:<hash> <hex>:<hex>…` (RFC 8122 §5).
package struct Fingerprint: Sendable, Hashable {
    /// In lower case.
    package var hash: String
    package var digest: [UInt8]

    package init(hash: String, digest: [UInt8]) {
        self.hash = hash
        self.digest = digest
    }

    init?(parsing text: String) {
        let fields = text.fields()
        guard fields.count == 2, fields[0].isToken else { return nil }
        var digest: [UInt8] = []
        for octet in fields[1].utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
            guard octet.count == 2, let high = octet.first?.hexDigit, let low = octet.last?.hexDigit, digest.count < 128 else { return nil }
            digest.append(high << 4 | low)
        }
        self.init(hash: fields[0].lowercased(), digest: digest)
    }

    /// Upper-case hex, as RFC 8122 §5 asks.
    package var text: String {
        let hex = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }
        return "\(hash) \(hex.joined(separator: ":"))"
    }
}

/// `a=setup` (RFC 4145 §4, RFC 8842 §5.3).
package enum Setup: String, Sendable, Hashable { case active, passive, actpass, holdconn }

extension AttributeCarrying {
    package var iceUfrag: String? { value(of: "ice-ufrag")?.trimmed }
    package var icePassword: String? { value(of: "ice-pwd")?.trimmed }
    package var iceOptions: [String] { values(of: "ice-options").flatMap { $0.fields() } }
    package var isICELite: Bool { has("ice-lite") }
    package var fingerprints: [Fingerprint] { values(of: "fingerprint").compactMap(Fingerprint.init(parsing:)) }
    package var setup: Setup? { value(of: "setup").flatMap { Setup(rawValue: $0.trimmed) } }
    package var candidates: [Candidate] { values(of: "candidate").compactMap(Candidate.init(parsing:)) }
    package var hasAllCandidates: Bool { has("end-of-candidates") }
}

extension MediaSection {
    package var multiplexesRTCP: Bool { has("rtcp-mux") || has("rtcp-mux-only") }
    package var reducesRTCPSize: Bool { has("rtcp-rsize") }
    /// Only ever carried by the bundle's transport, for which its port is 0 (RFC 9143 §6).
    package var isBundleOnly: Bool { has("bundle-only") }
}
