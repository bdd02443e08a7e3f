import Forwarding
import MediaPrimitives
import RTP

/// A track of another worker's participant as it is had here: an ordinary publication, whose packets come from that worker and whose keyframe
/// requests go there. It asks for no packets and makes no reports: its home does, for everybody.
final class Relay {
    let reference: TrackReference
    /// Nil while the track is not there.
    private(set) var publication: Publication?
    private(set) var clockOffset = ClockOffset()
    /// The number of the next packet of each layer; nil before the first.
    private var expected: [UInt32?] = []
    /// Of the last packet; nil before the first.
    private var spurt: UInt8?
    /// How many layers its home was told that are wanted here.
    private var demanded = 0

    init(_ reference: TrackReference) { self.reference = reference }

    /// The track is there.
    func begin(at place: Int, offset: Interval?, layers: [EncodingSnapshot], at now: Instant) -> Publication {
        let publication = Publication(track: reference.id, from: .relay(place), parameters: reference.parameters, at: now)
        for (encoding, snapshot) in zip(publication.encodings, layers) { encoding.resume(from: snapshot) }
        clockOffset = ClockOffset(offset, at: now)
        expected = Array(repeating: nil, count: publication.encodings.count)
        self.publication = publication
        demanded = 0
        return publication
    }

    /// The track has ended. Returns what it was here.
    func end() -> Publication? {
        defer { publication = nil }
        return publication
    }

    func encoding(_ layer: Int) -> Encoding? {
        guard let publication, layer < publication.encodings.count else { return nil }
        return publication.encodings[layer]
    }

    func noteReport(layer: Int, ntp: NTPTime, timestamp: UInt32, offset: Interval?, at arrival: Instant) {
        encoding(layer)?.noteReport(ntp: ntp, timestamp: timestamp, at: arrival)
        if offset != nil { clockOffset = ClockOffset(offset, at: arrival) }
    }

    /// A packet, as its home has decrypted it. False if it makes no sense here.
    func receive(
        _ packet: UnsafeRawBufferPointer, layer: Int, isRetransmission: Bool, spurt: UInt8, number: UInt32, at arrival: Instant,
        now: Instant,
        into departures: inout DepartureQueue
    ) -> Bool {
        guard let publication, layer < publication.encodings.count, let header = RTPHeader.parse(packet.bytes) else { return false }
        let encoding = publication.encodings[layer]
        // Others were lost between the workers. They will not be had again.
        if let wanted = expected[layer], wanted != number, publication.isFollowed(layer: layer) { encoding.keyframes.want(at: now) }
        expected[layer] = number &+ 1
        if spurt != self.spurt {
            // Repairs of what came before are too late.
            guard !isRetransmission else { return true }
            if self.spurt != nil {
                encoding.resumeNumbers(at: header.sequenceNumber)
                publication.breakOff(at: arrival)
            }
            self.spurt = spurt
        }
        let values = HeaderExtensionValues.parse(packet.bytes, header, publication.parameters.extensions)
        let payload = UnsafeRawBufferPointer(rebasing: packet[header.payloadOffset..<(header.payloadOffset + header.payloadLength)])
        let descriptor = values.descriptor(of: packet)
        let reception: Encoding.Reception
        if isRetransmission {
            encoding.bind(retransmission: header.ssrc)
            reception = encoding.receive(retransmission: header, values, payload: payload, descriptor: descriptor, at: arrival)
        } else {
            encoding.bind(header.ssrc)
            reception = encoding.receive(header, values, payload: payload, descriptor: descriptor, at: arrival)
        }
        switch reception {
        case .media(let media): publication.fanOut(media, from: encoding, into: &departures)
        case .padding(let sequence): publication.leaveOut(sequence, layer: layer)
        case .nothing, .invalid: break
        }
        return true
    }

    /// How many layers its home is to be told that are wanted here, where that has changed, and whether they have become more. It is taken as told.
    ///
    /// When they are fewer is for the home to decide, once nobody is sent the others here.
    func takeDemand(at now: Instant) -> (layers: Int, isMore: Bool)? {
        guard let publication, publication.demandDeadline <= now else { return nil }
        let (wanted, former) = (publication.wantedLayers, demanded)
        let layers = max(wanted, min(former, publication.servedLayers(at: now)))
        publication.demandDeadline = layers > wanted ? now + LayerDemand.retry : .distantFuture
        guard layers != former else { return nil }
        demanded = layers
        // Its home will have them sent.
        for encoding in publication.encodings.prefix(layers) { encoding.switchOn(at: now) }
        return (layers, layers > former)
    }

    /// Renews what is due, and calls `request` for each layer that needs a keyframe.
    func handleTimeout(at now: Instant, request: (Int) -> Void) {
        guard let publication else { return }
        publication.handleTimeout(at: now)
        for (layer, encoding) in publication.encodings.enumerated() where encoding.keyframes.takeDue(at: now) { request(layer) }
    }
}
