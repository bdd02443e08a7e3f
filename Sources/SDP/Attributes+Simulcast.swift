/// `a=rid:<id> send|recv [pt=…;restrictions]` (RFC 8851 §4).
package struct RestrictionIdentifier: Sendable, Hashable {
    package enum Side: String, Sendable, Hashable { case send, recv }

    package var id: String
    package var side: Side
    /// The payload types it is limited to; empty where it is not.
    package var payloadTypes: [UInt8]

    init?(parsing text: String) {
        let fields = text.fields(limit: 3)
        guard fields.count >= 2, fields[0].isStreamID, let side = Side(rawValue: fields[1]) else { return nil }
        id = fields[0]
        self.side = side
        payloadTypes = []
        if fields.count == 3, let list = FormatParameters(parsing: fields[2])["pt"] {
            payloadTypes = list.fields(separatedBy: ",", limit: 129).prefix(128).compactMap { $0.trimmed.decimal(UInt8.self) }
        }
    }
}

/// `a=simulcast:send a,b;c recv d` (RFC 8853 §5.1): streams separated by `;`, alternatives of one stream by `,`, paused ones marked `~`.
package struct SimulcastAttribute: Sendable, Hashable {
    package struct Choice: Sendable, Hashable {
        package var rid: String
        package var isPaused: Bool
    }

    /// Per stream its alternatives, never empty.
    package var send: [[Choice]]
    package var receive: [[Choice]]

    init?(parsing text: String) {
        send = []
        receive = []
        let fields = text.fields(limit: 5)
        guard fields.count == 2 || fields.count == 4 else { return nil }
        for at in stride(from: 0, to: fields.count, by: 2) {
            guard let streams = Self.streams(fields[at + 1]) else { return nil }
            switch fields[at] {
            case "send" where send.isEmpty: send = streams
            case "recv" where receive.isEmpty: receive = streams
            default: return nil
            }
        }
    }

    private static func streams(_ text: String) -> [[Choice]]? {
        var streams: [[Choice]] = []
        for part in text.fields(separatedBy: ";") {
            var choices: [Choice] = []
            for choice in part.fields(separatedBy: ",") {
                let isPaused = choice.utf8.first == UInt8(ascii: "~")
                let rid = isPaused ? String(choice.dropFirst()) : choice
                guard rid.isStreamID else { return nil }
                choices.append(Choice(rid: rid, isPaused: isPaused))
            }
            guard !choices.isEmpty else { return nil }
            streams.append(choices)
        }
        return streams.isEmpty ? nil : streams
    }
}

extension String {
    /// Letters, digits, `-` and `_`, at most 255 (RFC 8851 §10, RFC 8852 §3).
    fileprivate var isStreamID: Bool {
        (1...255).contains(utf8.count)
            && utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x5f: true
                default: false
                }
            }
    }
}

extension MediaSection {
    package var restrictionIdentifiers: [RestrictionIdentifier] { values(of: "rid").compactMap(RestrictionIdentifier.init(parsing:)) }
    package var simulcast: SimulcastAttribute? { values(of: "simulcast").lazy.compactMap(SimulcastAttribute.init(parsing:)).first }
}
