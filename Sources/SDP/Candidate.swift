/// `a=candidate:<foundation> <component> <transport> <priority> <address> <port> typ <type> …` (RFC 8839 §5.1).
package struct Candidate: Sendable, Hashable {
    package var foundation: String
    package var component: UInt16
    /// In lower case: `udp` or `tcp`.
    package var transport: String
    package var priority: UInt32
    /// An address literal or a name (`….local`); nothing here resolves it.
    package var address: String
    package var port: UInt16
    /// `host`, `srflx`, `prflx` or `relay`.
    package var type: String
    /// `active`, `passive` or `so`, for TCP (RFC 6544 §4.5).
    package var tcpType: String?

    package init(
        foundation: String, component: UInt16 = 1, transport: String, priority: UInt32, address: String, port: UInt16,
        type: String = "host",
        tcpType: String? = nil
    ) {
        self.foundation = foundation
        self.component = component
        self.transport = transport
        self.priority = priority
        self.address = address
        self.port = port
        self.type = type
        self.tcpType = tcpType
    }

    /// The value of the attribute; extensions other than `tcptype` are passed over.
    package init?(parsing text: String) {
        let fields = text.fields(limit: 64)
        guard fields.count >= 8, (1...32).contains(fields[0].utf8.count), let component = fields[1].decimal(UInt16.self),
            let priority = fields[3].decimal(UInt32.self), let port = fields[5].decimal(UInt16.self), fields[6] == "typ"
        else { return nil }
        self.init(
            foundation: fields[0], component: component, transport: fields[2].lowercased(), priority: priority, address: fields[4],
            port: port, type: fields[7])
        for at in stride(from: 8, to: fields.count - 1, by: 2) where fields[at] == "tcptype" { tcpType = fields[at + 1] }
    }

    /// Whether the address is a name that only multicast DNS resolves. Such candidates are never used: checks from there are learnt anyway.
    package var isMulticastName: Bool { address.utf8.count > 6 && address.lowercased().hasSuffix(".local") }

    package var text: String {
        "\(foundation) \(component) \(transport) \(priority) \(address) \(port) typ \(type)" + (tcpType.map { " tcptype \($0)" } ?? "")
    }
}
