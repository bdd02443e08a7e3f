/// Who may send (RFC 8866 §6.7), seen from the side that wrote it.
package enum Direction: String, Sendable, Hashable, CaseIterable {
    case sendrecv, sendonly, recvonly, inactive

    package var sends: Bool { self == .sendrecv || self == .sendonly }
    package var receives: Bool { self == .sendrecv || self == .recvonly }
    /// The same, seen from the other side.
    package var reversed: Direction {
        switch self {
        case .sendonly: .recvonly
        case .recvonly: .sendonly
        case .sendrecv, .inactive: self
        }
    }
}

/// `a=rtpmap:<pt> <name>/<rate>[/<channels>]` (RFC 8866 §6.6).
package struct RTPMap: Sendable, Hashable {
    package var payloadType: UInt8
    /// As written; compare without case.
    package var encodingName: String
    package var clockRate: UInt32
    /// 1 where it is not written.
    package var channels: Int

    package init(payloadType: UInt8, encodingName: String, clockRate: UInt32, channels: Int = 1) {
        self.payloadType = payloadType
        self.encodingName = encodingName
        self.clockRate = clockRate
        self.channels = channels
    }

    init?(parsing value: String) {
        let fields = value.fields(limit: 2)
        guard fields.count == 2, let payloadType = fields[0].decimal(UInt8.self), payloadType < 128 else { return nil }
        let parts = fields[1].trimmed.fields(separatedBy: "/")
        guard (2...3).contains(parts.count), parts[0].isToken, let clockRate = parts[1].decimal(UInt32.self), clockRate > 0 else {
            return nil
        }
        var channels = 1
        if parts.count == 3 {
            guard let written = parts[2].decimal(UInt8.self), written > 0 else { return nil }
            channels = Int(written)
        }
        self.init(payloadType: payloadType, encodingName: parts[0], clockRate: clockRate, channels: channels)
    }

    package var text: String { "\(payloadType) \(encodingName)/\(clockRate)" + (channels > 1 ? "/\(channels)" : "") }
}

/// `a=fmtp:<format> <parameters>` (RFC 8866 §6.15), for formats that are payload types.
package struct FormatAttribute: Sendable, Hashable {
    package var payloadType: UInt8
    package var parameters: String

    init?(parsing value: String) {
        let fields = value.fields(limit: 2)
        guard fields.count == 2, let payloadType = fields[0].decimal(UInt8.self), payloadType < 128 else { return nil }
        self.payloadType = payloadType
        parameters = fields[1].trimmed
    }
}

/// The `key=value;…` list that most payload formats use in `a=fmtp`, in its order.
package struct FormatParameters: Sendable, Hashable {
    package var items: [Item]

    package struct Item: Sendable, Hashable {
        package var key: String
        /// Empty where only the key is written.
        package var value: String
    }

    /// Reads a list; what is read stops at 64 items.
    package init(parsing text: String) {
        items = text.fields(separatedBy: ";", limit: 65).prefix(64).compactMap { part in
            let (key, value) = part.cut(at: "=")
            return key.trimmed.isEmpty ? nil : Item(key: key.trimmed, value: (value ?? "").trimmed)
        }
    }

    /// The value of a key, compared without case; the first counts.
    package subscript(key: String) -> String? {
        let wanted = key.lowercased()
        return items.first { $0.key.lowercased() == wanted }?.value
    }

    /// The list with only these keys (lower case), once each, in its own order.
    package func keeping(_ keys: Set<String>) -> FormatParameters {
        var seen: Set<String> = []
        var kept = self
        kept.items = items.filter { keys.contains($0.key.lowercased()) && seen.insert($0.key.lowercased()).inserted }
        return kept
    }

    package var text: String { items.map { $0.value.isEmpty ? $0.key : "\($0.key)=\($0.value)" }.joined(separator: ";") }
}

/// `a=rtcp-fb:<pt or *> <value>` (RFC 4585 §4.2).
package struct RTCPFeedback: Sendable, Hashable {
    /// nil stands for all of the section's payload types.
    package var payloadType: UInt8?
    /// The type and its parameters, separated by single spaces: `nack pli`.
    package var value: String

    init?(parsing text: String) {
        let fields = text.fields(limit: 5)
        guard fields.count >= 2 else { return nil }
        if fields[0] != "*" {
            guard let written = fields[0].decimal(UInt8.self), written < 128 else { return nil }
            payloadType = written
        }
        value = fields[1...].joined(separator: " ").trimmed
    }
}

/// `a=extmap:<id>[/<direction>] <URI> [<attributes>]` (RFC 8285 §8).
package struct ExtensionMapping: Sendable, Hashable {
    /// 1 to 14 in one-byte form, to 255 in two-byte form; 4096 to 4351 where the offer only asks for an id (§6).
    package var id: UInt16
    /// nil where no direction is written: it then follows that of the section.
    package var direction: Direction?
    package var uri: String

    package init(id: UInt16, direction: Direction? = nil, uri: String) {
        self.id = id
        self.direction = direction
        self.uri = uri
    }

    init?(parsing value: String) {
        let fields = value.fields(limit: 3)
        guard fields.count >= 2 else { return nil }
        let (number, suffix) = fields[0].cut(at: "/")
        guard let id = number.decimal(UInt16.self), (1...255).contains(id) || (4096...4351).contains(id) else { return nil }
        var direction: Direction?
        if let suffix {
            guard let written = Direction(rawValue: suffix) else { return nil }
            direction = written
        }
        self.init(id: id, direction: direction, uri: fields[1])
    }

    package var text: String { "\(id)\(direction.map { "/\($0.rawValue)" } ?? "") \(uri)" }
}

extension AttributeCarrying {
    /// The first direction attribute; nil where there is none (RFC 8866 §6.7: then the session's counts, then `sendrecv`).
    package var direction: Direction? { attributes.lazy.compactMap { $0.value == nil ? Direction(rawValue: $0.name) : nil }.first }
    package var extensionMappings: [ExtensionMapping] { values(of: "extmap").compactMap(ExtensionMapping.init(parsing:)) }
    /// Whether one stream may mix both forms of header extension (RFC 8285 §6).
    package var allowsMixedExtensions: Bool { has("extmap-allow-mixed") }
}

extension MediaSection {
    package var mid: String? { value(of: "mid")?.trimmed }
    package var rtpMaps: [RTPMap] { values(of: "rtpmap").compactMap(RTPMap.init(parsing:)) }
    package var formatAttributes: [FormatAttribute] { values(of: "fmtp").compactMap(FormatAttribute.init(parsing:)) }
    package var feedback: [RTCPFeedback] { values(of: "rtcp-fb").compactMap(RTCPFeedback.init(parsing:)) }
}
