/// `a=ssrc:<ssrc> <attribute>[:<value>]` (RFC 5576 §4.1).
package struct SourceAttribute: Sendable, Hashable {
    package var ssrc: UInt32
    package var attribute: Attribute

    init?(parsing text: String) {
        let fields = text.fields(limit: 2)
        guard let ssrc = fields.first?.decimal(UInt32.self) else { return nil }
        let (name, value) = (fields.count == 2 ? fields[1] : "").cut(at: ":")
        self.ssrc = ssrc
        attribute = Attribute(name, value)
    }
}

/// `a=ssrc-group:<semantics> <ssrc> …` (RFC 5576 §4.2): `FID` pairs a stream with its retransmissions, `SIM` lists layers.
package struct SourceGroup: Sendable, Hashable {
    package var semantics: String
    /// At most 32.
    package var ssrcs: [UInt32]

    init?(parsing text: String) {
        let fields = text.fields(limit: 34)
        guard let semantics = fields.first, (2...33).contains(fields.count) else { return nil }
        let ssrcs = fields.dropFirst().compactMap { $0.decimal(UInt32.self) }
        guard ssrcs.count == fields.count - 1 else { return nil }
        self.semantics = semantics
        self.ssrcs = ssrcs
    }
}

/// `a=msid:<stream> [<track>]` (RFC 8830 §2). A stream of `-` means none.
package struct MediaStreamID: Sendable, Hashable {
    package var stream: String
    package var track: String?

    init?(parsing text: String) {
        let fields = text.fields(limit: 3)
        guard let stream = fields.first, stream.utf8.count <= 64 else { return nil }
        self.stream = stream
        track = fields.count > 1 ? fields[1] : nil
    }
}

/// `a=group:<semantics> <mid> …` (RFC 5888 §5).
package struct SectionGroup: Sendable, Hashable {
    package var semantics: String
    package var mids: [String]

    init?(parsing text: String) {
        let fields = text.fields()
        guard let semantics = fields.first else { return nil }
        self.semantics = semantics
        mids = Array(fields.dropFirst())
    }
}

extension MediaSection {
    package var sourceAttributes: [SourceAttribute] { values(of: "ssrc").compactMap(SourceAttribute.init(parsing:)) }
    package var sourceGroups: [SourceGroup] { values(of: "ssrc-group").compactMap(SourceGroup.init(parsing:)) }
    package var mediaStreamIDs: [MediaStreamID] { values(of: "msid").compactMap(MediaStreamID.init(parsing:)) }
}

extension SessionDescription {
    package var groups: [SectionGroup] { values(of: "group").compactMap(SectionGroup.init(parsing:)) }
}
