import MediaPrimitives
import RTP

/// Where a received SSRC belongs: which publication of the participant, which encoding, and whether it repairs.
package struct StreamBinding: Sendable, Equatable {
    package var publication: Int
    package var layer: Int
    package var isRetransmission: Bool

    package init(publication: Int, layer: Int, isRetransmission: Bool) {
        self.publication = publication
        self.layer = layer
        self.isRetransmission = isRetransmission
    }
}

/// Finds the encoding of a received packet (RFC 9143 §9.2, RFC 8852) and latches it, since senders name a stream only in its first packets.
///
/// Asked only after authentication. The order: mid with rid or repaired-rid, then announced SSRCs, then a payload type that only one section has.
///
/// Sections may change (`update`). What was latched stays latched, also while its section is away: a sender that has been told of its stream's
/// reception does not name it again when the section comes back.
package struct StreamTable: Sendable {
    /// More SSRCs than any honest publisher has.
    package static let limit = 256
    /// More sections than any honest publisher has had.
    package static let sectionLimit = 256

    private struct Section {
        var name: String
        var mid: ShortText?
        var rids: [ShortText?]
        var payloadTypes: PayloadTypeTable
        /// The latest negotiation has it.
        var isPresent = true

        init(_ parameters: RTPParameters) {
            name = parameters.mid
            mid = ShortText(parameters.mid)
            rids = parameters.rids.map { ShortText($0) }
            payloadTypes = PayloadTypeTable(parameters.codecs)
        }
    }

    /// By publication. Places are never taken away, so that what is latched keeps its meaning.
    private var sections: [Section] = []
    private var announced: [SSRC: StreamBinding] = [:]
    private var bound: [SSRC: StreamBinding] = [:]
    /// SSRCs that others took the place of, the latest last, and how many of their packets have come since.
    private var replaced: [(ssrc: SSRC, strays: Int)] = []
    private static let replacedRemembered = 8
    /// So many packets are no stragglers any more: the sender has gone back to its former SSRC.
    private static let straysThatReturn = 50

    /// Publication n is section n.
    package init(_ receiving: [RTPParameters]) { _ = update(receiving) }

    /// The sections as they are from now on; returns the publication of each, nil for one too many. A section that was there before, by its mid,
    /// keeps its publication, and what is latched there stays, layer by layer as far as their rids are the same.
    package mutating func update(_ receiving: [RTPParameters]) -> [Int?] {
        for index in sections.indices { sections[index].isPresent = false }
        let mids = Set(receiving.map(\.mid))
        announced.removeAll(keepingCapacity: true)
        return receiving.map { parameters in
            guard let publication = place(for: parameters.mid, among: mids) else { return nil }
            put(Section(parameters), at: publication)
            // Without rids a publication is one encoding: the first announced SSRC, and its repair stream.
            if parameters.rids.isEmpty, let stream = parameters.streams.first {
                announce(stream.ssrc, StreamBinding(publication: publication, layer: 0, isRetransmission: false))
                if let rtx = stream.rtxSSRC {
                    announce(rtx, StreamBinding(publication: publication, layer: 0, isRetransmission: true))
                }
            }
            return publication
        }
    }

    /// Where the section of `mid` was before, or a new place, or that of a section which is not among `mids`; nil when there is none left.
    private func place(for mid: String, among mids: Set<String>) -> Int? {
        if let known = sections.firstIndex(where: { $0.name == mid }) { return known }
        return sections.count < StreamTable.sectionLimit ? sections.count : sections.firstIndex { !$0.isPresent && !mids.contains($0.name) }
    }

    private mutating func put(_ section: Section, at publication: Int) {
        guard publication < sections.count else { return sections.append(section) }
        let former = sections[publication]
        sections[publication] = section
        if former.name == section.name, former.rids == section.rids { return }
        for (ssrc, binding) in bound where binding.publication == publication {
            bound[ssrc] = nil
            guard former.name == section.name, former.rids.isEmpty == section.rids.isEmpty else { continue }
            guard !section.rids.isEmpty else {
                bound[ssrc] = binding
                continue
            }
            guard binding.layer < former.rids.count, let layer = section.rids.firstIndex(of: former.rids[binding.layer]) else { continue }
            bound[ssrc] = StreamBinding(publication: publication, layer: layer, isRetransmission: binding.isRetransmission)
        }
    }

    private mutating func announce(_ ssrc: SSRC, _ binding: StreamBinding) {
        announced[ssrc] = binding
        // A stream that has moved to another section, by the word of its sender.
        if let latched = bound[ssrc], latched.publication != binding.publication { bound[ssrc] = nil }
    }

    /// The binding of an SSRC seen before.
    package func binding(of ssrc: SSRC) -> StreamBinding? { bound[ssrc] }

    /// What is latched for `publication`, in the order of its layers.
    package func bindings(of publication: Int) -> [(ssrc: SSRC, binding: StreamBinding)] {
        bound.filter { $0.value.publication == publication }.map { ($0.key, $0.value) }
            .sorted { ($0.1.layer, $0.1.isRetransmission ? 1 : 0) < ($1.1.layer, $1.1.isRetransmission ? 1 : 0) }
    }

    /// Finds and latches the binding of an SSRC not seen before; nil if it belongs nowhere or too many are bound. An SSRC that takes the place
    /// of another one is latched, too, and the former is forgotten.
    package mutating func bind(_ header: RTPHeader, _ values: HeaderExtensionValues) -> StreamBinding? {
        // SSRC 0 is that of probes sent before there is media; they count for feedback and make no stream.
        guard header.ssrc.rawValue != 0, let found = find(header, values), !isStraggler(header.ssrc) else { return nil }
        for (ssrc, binding) in bound where binding == found {
            bound[ssrc] = nil
            if replaced.count == StreamTable.replacedRemembered { replaced.removeFirst() }
            replaced.append((ssrc, 0))
        }
        if bound.count >= StreamTable.limit { bound = bound.filter { sections[$0.value.publication].isPresent } }
        guard bound.count < StreamTable.limit else { return nil }
        bound[header.ssrc] = found
        return found
    }

    /// Forgets an SSRC (BYE).
    package mutating func unbind(_ ssrc: SSRC) { bound[ssrc] = nil }

    /// Whether `ssrc` was replaced and only late packets of it come in: they must not turn the stream back, to and fro.
    private mutating func isStraggler(_ ssrc: SSRC) -> Bool {
        guard let index = replaced.firstIndex(where: { $0.ssrc == ssrc }) else { return false }
        replaced[index].strays += 1
        if replaced[index].strays < StreamTable.straysThatReturn { return true }
        replaced.remove(at: index)
        return false
    }

    private func find(_ header: RTPHeader, _ values: HeaderExtensionValues) -> StreamBinding? {
        if let mid = values.mid {
            guard let publication = sections.firstIndex(where: { $0.isPresent && $0.mid == mid }) else { return nil }
            return layer(of: publication, header, values)
        }
        if let announced = announced[header.ssrc] { return announced }
        var only: StreamBinding?
        for publication in sections.indices where sections[publication].isPresent {
            guard let binding = layer(of: publication, header, values) else { continue }
            if only != nil { return nil }
            only = binding
        }
        return only
    }

    private func layer(of publication: Int, _ header: RTPHeader, _ values: HeaderExtensionValues) -> StreamBinding? {
        let section = sections[publication]
        let isRetransmission = section.payloadTypes.codec(retransmission: header.payloadType) != nil
        guard isRetransmission || section.payloadTypes.codec(header.payloadType) != nil else { return nil }
        if section.rids.isEmpty { return StreamBinding(publication: publication, layer: 0, isRetransmission: isRetransmission) }
        guard let rid = isRetransmission ? values.repairedRid ?? values.rid : values.rid, let layer = section.rids.firstIndex(of: rid)
        else { return nil }
        return StreamBinding(publication: publication, layer: layer, isRetransmission: isRetransmission)
    }
}
