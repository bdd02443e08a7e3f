import Congestion
import Forwarding
import MediaPrimitives
import RTP
import Transports

extension Participant {
    /// So many sections may send to one participant in its life: the numbers of each are remembered while its SSRC stays.
    private static let sectionLimit = 256

    // MARK: What it sends to us

    /// Takes the complete list of sections on which it sends. What is the same as before goes on undisturbed.
    func configure(receiving: [ReceivingSection], _ tracks: inout TrackDirectory, at now: Instant, _ events: inout [RoomEvent]) {
        var mids: Set<String> = []
        let receiving = receiving.filter { mids.insert($0.parameters.mid).inserted }
        let sections = receiving.map { section in
            let mid = section.parameters.mid
            let known = publications.lazy.compactMap { $0 }.first { $0.parameters.mid == mid && $0.track == section.track }
            guard let publication = known else { return section.parameters }
            // A publication that stays has the layers that it has.
            var parameters = section.parameters
            parameters.rids = publication.parameters.rids
            return parameters
        }
        let places = streams.update(sections)
        learnExtensions(of: sections)
        roundTripReports.isAgreed = sections.contains { $0.codecs.contains { $0.referenceTime } }
        for index in publications.indices where !places.contains(index) { end(at: index, &tracks, at: now, &events) }
        for (section, place) in zip(receiving, places) {
            guard let place else { continue }
            while publications.count <= place { publications.append(nil) }
            if let publication = publications[place] {
                if publication.track == section.track { continue }
                end(at: place, &tracks, at: now, &events)
            }
            let publication = Publication(
                track: section.track, from: .participant(slot: slot), parameters: section.parameters, heedsDemand: section.heedsDemand,
                at: now)
            // A sender that goes on under the SSRCs that it had on this section does not name them again.
            for (ssrc, binding) in streams.bindings(of: place) {
                let encoding = publication.encodings[binding.layer]
                if binding.isRetransmission { encoding.bind(retransmission: ssrc) } else { encoding.bind(ssrc) }
            }
            publications[place] = publication
            tracks.publish(publication, at: now)
        }
    }

    private func end(at place: Int, _ tracks: inout TrackDirectory, at now: Instant, _ events: inout [RoomEvent]) {
        guard let publication = publications[place] else { return }
        publications[place] = nil
        tracks.withdraw(publication, at: now)
        if let level = publication.endSpeech() { events.append(.speaking(id, track: publication.track, level: level)) }
    }

    /// Extension ids may come with later sections. Those of sections that are gone stay, unless their number means something else now.
    private func learnExtensions(of sections: [RTPParameters]) {
        var extensions = HeaderExtensionMap()
        for section in sections {
            for kind in HeaderExtension.allCases where extensions[kind] == 0 { extensions[kind] = section.extensions[kind] }
        }
        let taken = HeaderExtension.allCases.map { extensions[$0] }
        for kind in HeaderExtension.allCases where extensions[kind] == 0 && !taken.contains(receivedExtensions[kind]) {
            extensions[kind] = receivedExtensions[kind]
        }
        receivedExtensions = extensions
        if extensions[.transportCC] != 0, arrivals == nil { arrivals = ArrivalLog() }
    }

    // MARK: What we send to it

    /// Takes the complete list of sections on which it is sent something. A section that was there before, by its mid and its SSRC, keeps its
    /// stream; under another SSRC it begins a new one, and the former SSRC is never used again. Returns the subscriptions that want something of their publishers now.
    func configure(
        sending: [SendingSection], _ tracks: inout TrackDirectory, at now: Instant, entropy: Entropy
    ) -> [Subscription] {
        var former: [String: Subscription] = [:]
        for subscription in subscriptions { former[subscription.stream.mid] = subscription }
        var mids: Set<String> = []
        let sending = sending.filter { mids.insert($0.parameters.mid).inserted }
        for subscription in subscriptions where !mids.contains(subscription.stream.mid) {
            former[subscription.stream.mid] = nil
            tracks.attach(subscription, to: nil, at: now)
            subscription.stream.forgetHistory()
            restingStreams[subscription.stream.mid] = subscription.stream
        }
        for section in sending {
            let mid = section.parameters.mid
            guard let ssrc = section.parameters.streams.first?.ssrc else { continue }
            if let subscription = former[mid], subscription.stream.ssrc != ssrc {
                former[mid] = nil
                tracks.attach(subscription, to: nil, at: now)
                end(subscription.stream)
            }
            if let resting = restingStreams[mid], resting.ssrc != ssrc {
                restingStreams[mid] = nil
                end(resting)
            }
        }
        learnDownlink(of: sending)
        subscriptions = []
        var changed: [Subscription] = []
        for section in sending {
            if let subscription = former.removeValue(forKey: section.parameters.mid) {
                subscription.stream.update(section.parameters)
                subscriptions.append(subscription)
                if subscription.wish == section.wish, subscription.source == section.source?.id { continue }
                changed.append(subscription)
                // Before the new source, so that nobody is asked for what is not wanted any more.
                subscription.take(section.wish, at: now)
                tracks.attach(subscription, to: section.source, at: now)
            } else if let stream = stream(for: section.parameters, besides: former, entropy: entropy) {
                let subscription = Subscription(transport: slot, stream: stream, wish: section.wish)
                subscriptions.append(subscription)
                changed.append(subscription)
                if transport.isConnected { start(subscription, at: now) }
                tracks.attach(subscription, to: section.source, at: now)
            }
        }
        // What is new has no share yet.
        if transport.isConnected, !changed.isEmpty { nextAllocation = min(nextAllocation, now) }
        return changed
    }

    /// What it tells of what arrives, and whether there is anything to pad with.
    private func learnDownlink(of sending: [SendingSection]) {
        let answers = sending.contains { section in
            section.parameters.extensions[.transportCC] != 0 && section.parameters.codecs.contains { $0.transportCC }
        }
        if answers {
            downlink.expectTransportFeedback()
        } else if sending.contains(where: { $0.parameters.codecs.contains { $0.congestionFeedback } }) {
            downlink.expectStreamFeedback()
        }
        keepRepeats(of: sending.map(\.parameters).filter { $0.streams.first?.rtxSSRC == nil && $0.codecs.contains { $0.nack } })
        // Without a stream of retransmissions pictures' own is padded, and only for somebody who tells what came of it.
        downlink.canPad = sending.contains {
            $0.parameters.streams.first?.rtxSSRC != nil || ($0.parameters.kind == .video && downlink.hearsOfPackets)
        }
    }

    /// What is sent on `sections`, which agreed to be repaired and to no RTX, is kept as it leaves.
    private func keepRepeats(of sections: [RTPParameters]) {
        repeatsPictures = sections.contains { $0.kind == .video }
        let extent = repeatsPictures ? SealedRepeats.Extent.pictures : .sound
        if sections.isEmpty || repeats?.extent != extent { repeats = sections.isEmpty ? nil : SealedRepeats(extent) }
        repeats?.ssrcs = sections.compactMap { $0.streams.first?.ssrc }
    }

    private func end(_ stream: SendStream) {
        transport.endStream(stream.ssrc)
        if let rtx = stream.rtxSSRC { transport.endStream(rtx) }
    }

    /// The stream of a section that was not there a moment ago: a new one, or the one that it had before. Nil when the participant has had as
    /// many as can be remembered, or when another section has its SSRC: no number may be given out twice under one.
    private func stream(for parameters: RTPParameters, besides others: [String: Subscription], entropy: Entropy) -> SendStream? {
        if let resting = restingStreams.removeValue(forKey: parameters.mid) {
            resting.update(parameters)
            return resting
        }
        let taken = subscriptions.map(\.stream) + others.values.map(\.stream) + restingStreams.values
        guard taken.count < Participant.sectionLimit else { return nil }
        for wanted in parameters.streams.prefix(1).flatMap({ [$0.ssrc, $0.rtxSSRC ?? $0.ssrc] }) {
            if taken.contains(where: { $0.ssrc == wanted || $0.rtxSSRC == wanted }) { return nil }
        }
        return SendStream(parameters, entropy: entropy)
    }

    /// Leaves the room: nothing feeds it, and nobody is fed by it.
    func endSections(_ tracks: inout TrackDirectory, at now: Instant, _ events: inout [RoomEvent]) {
        for subscription in subscriptions { tracks.attach(subscription, to: nil, at: now) }
        for place in publications.indices { end(at: place, &tracks, at: now, &events) }
    }
}
