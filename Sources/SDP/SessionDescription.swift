/// A session description (RFC 8866): what stands before the first `m=`, and the media sections.
///
/// Lines that play no part in WebRTC (`i u e p b r z k`) are checked for their form when read, and not kept.
package struct SessionDescription: Sendable, Hashable, AttributeCarrying {
    package var origin: Origin
    package var name: String
    package var connection: Connection?
    package var attributes: [Attribute]
    package var media: [MediaSection]

    package init(
        origin: Origin, name: String = "-", connection: Connection? = nil, attributes: [Attribute] = [], media: [MediaSection] = []
    ) {
        self.origin = origin
        self.name = name
        self.connection = connection
        self.attributes = attributes
        self.media = media
    }

    /// The `o=` line (RFC 8866 §5.2).
    package struct Origin: Sendable, Hashable {
        package var username: String
        package var sessionID: UInt64
        package var version: UInt64
        package var address: Connection

        package init(username: String = "-", sessionID: UInt64, version: UInt64, address: Connection = .loopback) {
            self.username = username
            self.sessionID = sessionID
            self.version = version
            self.address = address
        }
    }
}

/// A network type, an address type and an address, as in `c=` and `o=` (RFC 8866 §5.7). The address may be a name: nothing here resolves it.
package struct Connection: Sendable, Hashable {
    package var networkType: String
    package var addressType: String
    package var address: String

    package init(networkType: String = "IN", addressType: String, address: String) {
        self.networkType = networkType
        self.addressType = addressType
        self.address = address
    }

    package static var loopback: Connection { Connection(addressType: "IP4", address: "127.0.0.1") }
    /// The address of a section that has none (RFC 9429 §5.2.1).
    package static var unspecified: Connection { Connection(addressType: "IP4", address: "0.0.0.0") }

    init?(parsing value: String) {
        let fields = value.fields()
        guard fields.count == 3 else { return nil }
        self.init(networkType: fields[0], addressType: fields[1], address: fields[2])
    }

    var text: String { "\(networkType) \(addressType) \(address)" }
}
