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
package struct StreamTable: Sendable {
    /// More SSRCs than any honest publisher has.
    package static let limit = 64

    private struct Section {
        var mid: ShortText?
        var rids: [ShortText?]
        var payloadTypes: PayloadTypeTable
    }

    private var sections: [Section]
    private var announced: [SSRC: StreamBinding] = [:]
    private var bound: [SSRC: StreamBinding] = [:]
    /// SSRCs that others took the place of, the latest last, and how many of their packets have come since.
    private var replaced: [(ssrc: SSRC, strays: Int)] = []
    private static let replacedRemembered = 8
    /// So many packets are no stragglers any more: the sender has gone back to its former SSRC.
    private static let straysThatReturn = 50

    /// Publication n is section n.
    package init(_ receiving: [RTPParameters]) {
        sections = receiving.map {
            Section(mid: ShortText($0.mid), rids: $0.rids.map { ShortText($0) }, payloadTypes: PayloadTypeTable($0.codecs))
        }
        for (publication, parameters) in receiving.enumerated() where parameters.rids.isEmpty {
            // Without rids a publication is one encoding: the first announced SSRC, and its repair stream.
            guard let stream = parameters.streams.first else { continue }
            announced[stream.ssrc] = StreamBinding(publication: publication, layer: 0, isRetransmission: false)
            if let rtx = stream.rtxSSRC { announced[rtx] = StreamBinding(publication: publication, layer: 0, isRetransmission: true) }
        }
    }

    /// The binding of an SSRC seen before.
    package func binding(of ssrc: SSRC) -> StreamBinding? { bound[ssrc] }

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
            guard let publication = sections.firstIndex(where: { $0.mid == mid }) else { return nil }
            return layer(of: publication, header, values)
        }
        if let announced = announced[header.ssrc] { return announced }
        var only: StreamBinding?
        for publication in sections.indices {
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
