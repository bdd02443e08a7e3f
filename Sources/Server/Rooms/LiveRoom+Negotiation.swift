import Logging
import MediaPrimitives
import MediaWorker
import NIOCore
import Negotiation
import RTP
import Rooms
import Signalling

// Offers and answers of clients of LiveKit's protocol: theirs on the connection by which they send, ours on the one by which v0's receive.
extension LiveRoom {
    /// Until a client has surely applied an answer that it has received.
    private static let holdingTime = Duration.milliseconds(500)

    /// A connection for `member`, with its place on a worker; nil, and the member is sent away, where the server is full.
    func makeLink(for member: Member) async -> MediaLink? {
        do throws(Refusal) {
            let (worker, host) = try await plane.place()
            let link = MediaLink(worker: worker, host: host, entropy: entropy)
            guard self.member(sid: member.sid) === member else {
                close(link, reason: "")
                return nil
            }
            return link
        } catch {
            dismiss(member, reason: .joinFailure, action: .disconnect, sentence: error.sentence)
            return nil
        }
    }

    // MARK: The client offers

    /// An offer of `sid`'s, read already: reading is most of the work, and the room has others to serve.
    package func receive(_ offer: Result<RoomOffer, NegotiationError>, id: UInt32, from sid: String) async {
        guard let member = member(sid: sid), let client = member.client else { return }
        guard client.offers.take(at: .now()) else {
            fail(member, "Offers come faster than they can be of use.")
            return
        }
        await receive(offer, id: id, from: member, client)
    }

    func receive(_ offer: Result<RoomOffer, NegotiationError>, id: UInt32, from member: Member, _ client: SignalledClient) async {
        do throws(NegotiationError) {
            let offer = try offer.get()
            if client.publisher == nil {
                guard let link = await makeLink(for: member) else { return }
                client.publisher = link
            }
            guard let link = client.publisher else { return }
            try await answer(offer, id: id, from: member, client, link)
        } catch {
            fail(member, "An offer was refused: \(error.sentence)")
        }
    }

    private func answer(
        _ offer: RoomOffer, id: UInt32, from member: Member, _ client: SignalledClient, _ link: MediaLink
    ) async throws(NegotiationError) {
        // 1. What ends: tracks whose section sends no more, or something else.
        let arrivals = arrivals(in: offer, of: member, client)
        let sending = Set(offer.sections.filter(\.sends).map(\.mid))
        let ended = member.tracks.filter { !sending.contains($0.mid) || arrivals[$0.mid] != nil }
        for track in ended { unpublish(track, of: member) }
        link.receiving.removeAll { section in ended.contains { $0.id == section.track } }

        // 2. What it shall get, and where.
        if !client.isDual {
            client.plan.want(wanted(by: member))
            client.plan.offered(
                offer.sections.filter(\.receives).map { .init(mid: $0.mid, type: $0.kind.type) })
        }
        let outgoing = client.isDual ? [:] : outgoing(client.plan, on: link, to: client, taken: offer.ssrcs)

        // 3. The answer.
        let restarts =
            try link.remote.map { known throws(NegotiationError) in try offer.transport(local: link.local).remote != known } ?? false
        if restarts { link.local = link.freshCredentials(entropy) }
        let plain = Set(arrivals.filter { $0.value.info.disableRed }.keys).union(member.tracks.filter { $0.info.disableRed }.map(\.mid))
        let answer = try RoomAnswer(
            offer: offer, local: local.description(link.local, sessionID: link.sessionID), version: link.nextVersion(), role: link.role,
            receiving: Set(arrivals.keys).union(member.tracks.map(\.mid)), plain: plain, sending: outgoing, cname: link.cname,
            publishCodecs: PublishCodecs.all)
        link.role = answer.transport.role
        let assigned = client.plan.assigned
        link.sending = answer.sending.map { MediaLink.Outgoing(parameters: $0, track: assigned[$0.mid]) }
        let second = link.describe(answer.sending)
        link.held = offer.isFirefox ? second : []
        for mid in answer.undecodable { if let track = assigned[mid] { refuse(track, to: member, client) } }

        // 4. What begins.
        var hasNews = !ended.isEmpty
        link.receiving = answer.receiving.compactMap { parameters in
            if let known = member.tracks.first(where: { $0.mid == parameters.mid }) {
                return section(of: known.id, parameters)
            }
            guard let arrival = arrivals[parameters.mid],
                let track = publish(arrival.info, cid: arrival.request.cid, by: member, on: link, parameters)
            else { return nil }
            client.announced.removeAll { $0.info.sid == arrival.info.sid }
            hasNews = true
            return section(of: track, parameters)
        }

        // 5. The worker first, then the client, then everybody else.
        if await !serve(link, of: member, answer.transport, restarts: restarts) { return }
        var description = Livekit_SessionDescription()
        description.type = "answer"
        description.sdp = answer.sdp
        description.id = id
        for section in link.sending {
            if let track = section.track { description.midToTrackID[section.parameters.mid] = tracks[track]?.sid }
        }
        tell(.answer(description), to: member)
        if !link.held.isEmpty { releaseLater(link, of: member, client) }
        if hasNews {
            announce(member)
            followSources()
        }
        updateSubscriptions(of: member)
    }

    /// Lets the sections that are held begin once the client has received its answer, and had `holdingTime` to apply it.
    private func releaseLater(_ link: MediaLink, of member: Member, _ client: SignalledClient) {
        let (decision, sid) = (link.holdings, member.sid)
        client.sink.whenReceived { [weak self] in
            Task {
                try? await Task.sleep(for: Self.holdingTime)
                await self?.release(decision, of: sid)
            }
        }
    }

    private func release(_ decision: Int, of sid: String) {
        // Another answer may have decided anew.
        guard let member = member(sid: sid), let link = member.client?.publisher, link.holdings == decision else { return }
        link.held = []
        settleSoon(link, of: member)
    }

    /// Has the worker do what was negotiated. False if the member is gone.
    private func serve(_ link: MediaLink, of member: Member, _ transport: TransportParameters, restarts: Bool) async -> Bool {
        if let id = link.participant {
            link.remote = transport.remote
            if restarts { _ = await link.host.restartICE(id, local: transport.local, remote: transport.remote) }
            await settle(link, of: member)
        } else {
            do throws(AdmissionError) { try await open(link, of: member, transport) } catch {
                fail(member, error.sentence)
                return false
            }
        }
        return self.member(sid: member.sid) === member
    }

    private func outgoing(
        _ plan: SectionPlan<TrackID>, on link: MediaLink, to client: SignalledClient, taken: Set<UInt32>
    ) -> [String: OutgoingTrack] {
        var outgoing: [String: OutgoingTrack] = [:]
        link.keepStreams(of: plan.assigned.keys)
        // Entropy is drawn in the order of the sections.
        for section in plan.sections {
            guard let track = plan.assigned[section.mid].flatMap({ tracks[$0] }) else { continue }
            outgoing[section.mid] = OutgoingTrack(
                track: description(of: track, to: client),
                stream: link.stream(mid: section.mid, track: track.id, type: section.type, taken: taken, entropy: entropy))
        }
        return outgoing
    }

    /// Clients read a track's publisher from its stream's name. Sound and picture of one device share the stream, so that they are played in
    /// step. In v0 the stream must name the track as well: a section that is used again keeps its first track's name.
    private func description(of track: PublishedTrack, to client: SignalledClient) -> TrackDescription {
        var description = track.description
        switch track.info.source {
        case .camera, .microphone: description.streamID += "|" + (client.isDual ? track.sid : "camera")
        case .screenShare, .screenShareAudio: description.streamID += "|" + (client.isDual ? track.sid : "screen")
        default: description.streamID += "|" + track.sid
        }
        return description
    }

    private func refuse(_ track: TrackID, to member: Member, _ client: SignalledClient) {
        client.plan.refuse(track)
        var response = Livekit_SubscriptionResponse()
        response.trackSid = tracks[track]?.sid ?? ""
        response.err = .seCodecUnsupported
        tell(.subscriptionResponse(response), to: member)
    }

    /// Negotiation has failed: there is no way on with this client.
    private func fail(_ member: Member, _ sentence: String) {
        logger.warning("A client could not be served.", metadata: ["identity": "\(member.identity.printable)", "reason": "\(sentence)"])
        dismiss(member, reason: .mediaFailure, action: .disconnect, sentence: sentence)
    }

    // MARK: The server offers

    /// Offers a v0 client what it shall get, where that has changed and no offer is under way.
    func offerIfNeeded(to member: Member, _ client: SignalledClient) {
        guard let link = client.subscriber, client.offer == nil else { return }
        let before = (client.plan.sections.count, client.plan.assigned)
        client.plan.extend(limit: limits.sections)
        guard client.offerID == 0 || before != (client.plan.sections.count, client.plan.assigned) else { return }
        let outgoing = outgoing(client.plan, on: link, to: client, taken: [])
        let offer = SubscriberOffer(
            sections: client.plan.sections.map {
                SubscriberOffer.Section(mid: $0.mid, kind: $0.type == .audio ? .audio : .video, outgoing: outgoing[$0.mid])
            },
            offersData: false, local: local.description(link.local, sessionID: link.sessionID), version: link.nextVersion(),
            cname: link.cname)
        client.offerID += 1
        client.offer = (offer, client.plan.assigned)
        var description = Livekit_SessionDescription()
        description.type = "offer"
        description.sdp = offer.sdp
        description.id = client.offerID
        for (mid, track) in client.plan.assigned { description.midToTrackID[mid] = tracks[track]?.sid }
        tell(.offer(description), to: member)
    }

    func receiveAnswer(_ message: Livekit_SessionDescription, from member: Member, _ client: SignalledClient) async {
        guard let link = client.subscriber, let (offer, assigned) = client.offer, message.id == 0 || message.id == client.offerID else {
            return
        }
        client.offer = nil
        do throws(NegotiationError) {
            let answer = try offer.read(answer: message.sdp)
            link.sending = answer.sending.map { MediaLink.Outgoing(parameters: $0, track: assigned[$0.mid]) }
            for (mid, track) in assigned.sorted(by: { $0.key < $1.key }) where !answer.sending.contains(where: { $0.mid == mid }) {
                refuse(track, to: member, client)
            }
            let restarts = link.remote.map { $0 != answer.transport.remote } ?? false
            if await serve(link, of: member, answer.transport, restarts: restarts) { updateSubscriptions(of: member) }
        } catch {
            fail(member, "An answer was refused: \(error.sentence)")
        }
    }
}
