extension SessionDescription {
    /// Reads a description (RFC 8866 §9). `v=0` must come first and `o=` must be there; types of line that are not known are passed over (§5).
    package init(parsing text: String, limits: SDPLimits = SDPLimits()) throws(SDPError) {
        var lines = try SDPLine.split(text, limits: limits)[...]
        guard let version = lines.popFirst() else { throw SDPError(.malformed, line: 0, "The description is empty.") }
        guard version.type == UInt8(ascii: "v"), version.value.trimmed == "0" else {
            throw SDPError(.malformed, line: version.number, "A description must begin with \"v=0\".")
        }
        self.init(origin: Origin(sessionID: 0, version: 0))
        guard try read(lines, limits: limits) else { throw SDPError(.malformed, line: 0, "The \"o=\" line is missing.") }
    }

    /// Reads a trickle fragment (RFC 8840 §9): attributes and media sections only, in the grammar of a description.
    package init(fragment text: String, limits: SDPLimits = SDPLimits()) throws(SDPError) {
        let lines = try SDPLine.split(text, limits: limits)
        guard !lines.isEmpty else { throw SDPError(.malformed, line: 0, "The fragment is empty.") }
        self.init(origin: Origin(sessionID: 0, version: 0))
        _ = try read(lines[...], limits: limits)
    }

    /// Returns whether there was an `o=` line.
    private mutating func read(_ lines: ArraySlice<SDPLine>, limits: SDPLimits) throws(SDPError) -> Bool {
        var hasOrigin = false
        for line in lines {
            switch line.type {
            case UInt8(ascii: "v"):
                throw SDPError(.malformed, line: line.number, "A \"v=\" line stands where none may.")
            case UInt8(ascii: "o"):
                guard !hasOrigin else { throw SDPError(.malformed, line: line.number, "There is a second \"o=\" line.") }
                guard let parsed = Origin(parsing: line.value) else {
                    throw SDPError(.malformed, line: line.number, "\"o=\" needs a user, two numbers and an address.")
                }
                origin = parsed
                hasOrigin = true
            case UInt8(ascii: "s"):
                name = line.value
            case UInt8(ascii: "c"):
                try add(connectionOf: line)
            case UInt8(ascii: "m"):
                guard media.count < limits.mediaSections else {
                    throw SDPError(.tooBig, line: line.number, "There are more than \(limits.mediaSections) media sections.")
                }
                guard let section = MediaSection(parsing: line.value) else {
                    throw SDPError(.malformed, line: line.number, "\"m=\" needs a kind, a port, a protocol and at least one format.")
                }
                media.append(section)
            case UInt8(ascii: "a"):
                try add(attributeOf: line)
            default:
                continue
            }
        }
        return hasOrigin
    }

    private mutating func add(connectionOf line: SDPLine) throws(SDPError) {
        guard let connection = Connection(parsing: line.value) else {
            throw SDPError(.malformed, line: line.number, "\"c=\" needs a network type, an address type and an address.")
        }
        if media.isEmpty { self.connection = connection } else { media[media.count - 1].connection = connection }
    }

    private mutating func add(attributeOf line: SDPLine) throws(SDPError) {
        let (name, value) = line.value.cut(at: ":")
        guard name.isToken else { throw SDPError(.malformed, line: line.number, "\"a=\" needs a name.") }
        let attribute = Attribute(name, value)
        if media.isEmpty { attributes.append(attribute) } else { media[media.count - 1].attributes.append(attribute) }
    }
}

extension SessionDescription.Origin {
    fileprivate init?(parsing value: String) {
        let fields = value.fields(limit: 4)
        guard fields.count == 4, let sessionID = fields[1].decimal(UInt64.self), let version = fields[2].decimal(UInt64.self),
            let address = Connection(parsing: fields[3])
        else { return nil }
        self.init(username: fields[0], sessionID: sessionID, version: version, address: address)
    }
}
