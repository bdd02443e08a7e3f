extension SessionDescription {
    /// The description as text, every line ended by CR LF (RFC 8866 §5).
    ///
    /// CR, LF and NUL are dropped from values, so that nothing a caller was given can start a line of its own.
    package var text: String {
        var writer = LineWriter()
        writer.line("v", "0")
        writer.line("o", "\(origin.username) \(origin.sessionID) \(origin.version) \(origin.address.text)")
        writer.line("s", name.isEmpty ? "-" : name)
        if let connection { writer.line("c", connection.text) }
        writer.line("t", "0 0")
        writer.attributes(attributes)
        for section in media { writer.section(section) }
        return writer.text
    }

    /// The attributes and sections alone, as a trickle fragment holds them (RFC 8840 §9): no `v=`, `o=`, `s=`, `t=` or `c=`.
    package var fragmentText: String {
        var writer = LineWriter()
        writer.attributes(attributes)
        for var section in media {
            section.connection = nil
            writer.section(section)
        }
        return writer.text
    }
}

private struct LineWriter {
    var text = ""

    mutating func line(_ type: String, _ value: String) {
        text += type
        text += "="
        if value.utf8.contains(where: { $0 == 0 || $0 == 0x0a || $0 == 0x0d }) {
            text += String(decoding: value.utf8.filter { $0 != 0 && $0 != 0x0a && $0 != 0x0d }, as: UTF8.self)
        } else {
            text += value
        }
        text += "\r\n"
    }

    mutating func attributes(_ attributes: [Attribute]) {
        for attribute in attributes { line("a", attribute.value.map { "\(attribute.name):\($0)" } ?? attribute.name) }
    }

    mutating func section(_ section: MediaSection) {
        line("m", ([section.kind.name, String(section.port), section.transportProtocol] + section.formats).joined(separator: " "))
        if let connection = section.connection { line("c", connection.text) }
        attributes(section.attributes)
    }
}
