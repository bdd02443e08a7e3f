import SDP

/// Session descriptions: what is read, written and read again is the same.
enum SDPHarness {
    static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        let text = String(decoding: input, as: UTF8.self)
        if let first = description(text) {
            guard let again = description(first.text) else { throw Finding("a description of our own does not parse") }
            var expected = first
            // `s=` may not be empty (RFC 8866 §5.3).
            if expected.name.isEmpty { expected.name = "-" }
            try expect(again == expected, "reading what was written gives something else")
            try expect(first.text == again.text, "writing twice gives two texts")
            try readAttributes(of: first)
            try PlantedBug.check(first.iceUfrag ?? first.media.first?.iceUfrag)
        }
        if let first = fragment(text) {
            let written = first.fragmentText
            if written.isEmpty { return }
            guard let again = fragment(written) else { throw Finding("a fragment of our own does not parse") }
            try expect(again.attributes == first.attributes, "the attributes of a fragment changed")
            try expect(
                again.media.map(\.attributes) == first.media.map(\.attributes) && again.media.map(\.formats) == first.media.map(\.formats),
                "the sections of a fragment changed")
        }
    }

    private static func description(_ text: String) -> SessionDescription? {
        do throws(SDPError) { return try SessionDescription(parsing: text) } catch { return nil }
    }

    private static func fragment(_ text: String) -> SessionDescription? {
        do throws(SDPError) { return try SessionDescription(fragment: text) } catch { return nil }
    }

    /// Every typed attribute is read, and those that can be written are read again.
    private static func readAttributes(of description: SessionDescription) throws(Finding) {
        _ = (description.groups, description.direction, description.allowsMixedExtensions)
        try readTransport(of: description)
        for section in description.media {
            try readTransport(of: section)
            _ = (section.mid, section.multiplexesRTCP, section.reducesRTCPSize, section.isBundleOnly, section.direction)
            for map in section.rtpMaps {
                try expect(map.payloadType < 128 && map.clockRate > 0 && map.channels > 0, "an impossible rtpmap")
            }
            for format in section.formatAttributes {
                let list = FormatParameters(parsing: format.parameters)
                try expect(list.items.count <= 64, "more parameters than are read")
                let again = FormatParameters(parsing: list.text)
                try expect(again == list, "the format parameters changed")
                _ = (list["apt"], list.keeping(["profile-id", "apt"]))
            }
            for feedback in section.feedback { try expect((feedback.payloadType ?? 0) < 128, "feedback of an impossible payload type") }
            for mapping in section.extensionMappings { try expect(mapping.id > 0, "extension 0") }
            for rid in section.restrictionIdentifiers { try expect(rid.payloadTypes.count <= 128, "more payload types than are read") }
            if let simulcast = section.simulcast {
                try expect((simulcast.send + simulcast.receive).allSatisfy { !$0.isEmpty }, "a stream without alternatives")
            }
            for group in section.sourceGroups { try expect((1...32).contains(group.ssrcs.count), "\(group.ssrcs.count) SSRCs in a group") }
            _ = (section.sourceAttributes, section.mediaStreamIDs)
        }
    }

    private static func readTransport(of carrier: some AttributeCarrying) throws(Finding) {
        _ = (carrier.iceUfrag, carrier.icePassword, carrier.iceOptions, carrier.isICELite, carrier.setup, carrier.hasAllCandidates)
        for fingerprint in carrier.fingerprints {
            try expect((1...128).contains(fingerprint.digest.count), "a digest of \(fingerprint.digest.count) bytes")
            let line = "m=audio 9 RTP/SAVPF 0\na=fingerprint:\(fingerprint.text)\n"
            try expect(fragment(line)?.media.first?.fingerprints == [fingerprint], "a fingerprint changed")
        }
        for candidate in carrier.candidates {
            _ = candidate.isMulticastName
            try expect(Candidate(parsing: candidate.text) == candidate, "a candidate changed")
        }
    }
}
