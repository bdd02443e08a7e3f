/// One `m=` line and what follows it (RFC 8866 §5.14).
package struct MediaSection: Sendable, Hashable, AttributeCarrying {
    package enum Kind: Sendable, Hashable {
        case audio, video, application
        case other(String)

        package init(_ name: String) {
            switch name {
            case "audio": self = .audio
            case "video": self = .video
            case "application": self = .application
            default: self = .other(name)
            }
        }

        package var name: String {
            switch self {
            case .audio: "audio"
            case .video: "video"
            case .application: "application"
            case .other(let name): name
            }
        }
    }

    package var kind: Kind
    /// 0 refuses the section, unless it is `isBundleOnly` (RFC 9143 §6).
    package var port: UInt16
    /// As written: `UDP/TLS/RTP/SAVPF` and the like.
    package var transportProtocol: String
    /// Payload types in order of preference, or what else the protocol calls a format; at least one.
    package var formats: [String]
    package var connection: Connection?
    package var attributes: [Attribute]

    package init(
        kind: Kind, port: UInt16, transportProtocol: String, formats: [String], connection: Connection? = nil, attributes: [Attribute] = []
    ) {
        self.kind = kind
        self.port = port
        self.transportProtocol = transportProtocol
        self.formats = formats
        self.connection = connection
        self.attributes = attributes
    }

    /// The value of an `m=` line: `<media> <port>[/<count>] <proto> <fmt> …`.
    init?(parsing value: String) {
        let fields = value.fields()
        guard fields.count >= 4, fields[0].isToken, let port = fields[1].cut(at: "/").before.decimal(UInt16.self) else { return nil }
        self.init(kind: Kind(fields[0]), port: port, transportProtocol: fields[2], formats: Array(fields[3...]))
    }
}
