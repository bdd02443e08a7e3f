import Foundation
import MediaPrimitives
import NIOHTTP1
import RTP
import SDP
import Signalling
import SwiftProtobuf

/// One client of LiveKit's protocol with one peer connection (`/rtc/v1`): it offers whenever something changes, and the server answers.
///
///     opening ──join, answer──▶ joined ──track_published for each──▶ offering its tracks ──answer──▶ settled
///                                                     media_sections_requirement: another offer
actor LiveKitSession: LoadSession {
    /// Something that it sends.
    struct Track: Sendable {
        var request: Livekit_AddTrackRequest
        var kind: MediaKind
        var codecs: [CodecParameters]
        var rids: [String]
    }

    /// Told of each answer; the first begins the transport.
    typealias AnswerHandler = @Sendable (ServerAnswer) async -> LoadError?

    private let publishes: [Track]
    private var offer: ClientOffer
    /// As it was when the server was last sent it.
    private var offered: ClientOffer
    private let onAnswer: AnswerHandler
    private var writer: SignalLine.Writer?
    /// Offers are numbered, and one at a time is answered.
    private var offerID: UInt32 = 1
    private var isAwaitingAnswer = true
    private var mustOffer = false
    /// The server's names of what it sends, by the name it was announced under.
    private(set) var published: [String: String] = [:]
    /// Who publishes which track, as the server tells of others.
    private var publishers: [String: String] = [:]
    private static let publisherLimit = 20_000
    private var hasAnnounced = false
    private var hasOffered = false
    /// Where the server can be reached, as it tells after its answer; and the first answer while nothing is known yet.
    private var trickled: [ServerAnswer.Reachable] = []
    private var unreachableAnswer: ServerAnswer?
    private var failure: LoadError?
    private var isSettled = false
    private var waiters: [CheckedContinuation<Void, Never>] = []
    private var reading: Task<Void, Never>?
    private var pinging: Task<Void, Never>?
    private var nextMID: Int

    /// Longer than any server should take.
    private static let patience = Duration.seconds(20)
    private static let pingInterval = Duration.seconds(5)

    init(publishes: [Track], offer: ClientOffer, onAnswer: @escaping AnswerHandler) {
        self.publishes = publishes
        self.offer = offer
        offered = offer
        self.onAnswer = onAnswer
        nextMID = offer.sections.count
    }

    /// Joins and publishes; returns when all that was to be sent has been agreed.
    func join(_ http: HTTPClient, token: String, subscribes: Bool) async throws(LoadError) {
        let query = "join_request=\(try joinRequest(subscribes: subscribes))"
        let headers: HTTPHeaders = ["authorization": "Bearer \(token)"]
        let line: SignalLine
        do throws(LoadError) {
            line = try await SignalLine(http, path: "/rtc/v1?\(query)", headers: headers)
        } catch {
            if case .unreachable = error { throw error }
            // A socket tells no reason; the same request without an upgrade does.
            let reply = try await http.send(.GET, "/rtc/v1/validate?\(query)", headers: headers)
            throw reply.status == 200 ? error : .refused(status: reply.status, sentence: String(reply.body.prefix(200)))
        }
        reading = Task {
            await line.run(opened: { await self.opened($0) }, receive: { await self.receive($0) })
            self.fail(.broken("The signalling socket ended."))
        }
        let alarm = Task {
            try? await Task.sleep(for: LiveKitSession.patience)
            if !Task.isCancelled {
                self.fail(.broken("The server did not answer within \(LiveKitSession.patience.components.seconds) s."))
            }
        }
        await withCheckedContinuation { continuation in
            if isSettled || failure != nil { continuation.resume() } else { waiters.append(continuation) }
        }
        alarm.cancel()
        if !isSettled, let failure {
            await end()
            throw failure
        }
        pinging = Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: LiveKitSession.pingInterval)
                await self.send(.with { $0.pingReq = .with { $0.timestamp = 1 } })
            }
        }
    }

    private func joinRequest(subscribes: Bool) throws(LoadError) -> String {
        let request = Livekit_JoinRequest.with {
            $0.clientInfo = .with {
                $0.sdk = .rust
                $0.protocol = 16
                $0.version = "1.0.0"
            }
            $0.connectionSettings = .with { $0.autoSubscribe = subscribes }
            $0.publisherOffer = .with {
                $0.type = "offer"
                $0.sdp = offer.text
                $0.id = offerID
            }
        }
        do {
            let wrapped = Livekit_WrappedJoinRequest.with {
                $0.compression = .none
                $0.joinRequest = (try? request.serializedData()) ?? Data()
            }
            let bytes: Data = try wrapped.serializedData()
            return bytes.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        } catch { throw .broken("\(error)") }
    }

    // MARK: What the server says

    private func opened(_ writer: SignalLine.Writer) { self.writer = writer }

    private func receive(_ response: Livekit_SignalResponse) async {
        switch response.message {
        case .answer(let answer): await take(answer)
        case .trackPublished(let response):
            published[response.cid] = response.track.sid
            if published.count == publishes.count, !hasOffered { await offerTracks() }
        case .mediaSectionsRequirement(let wanted):
            addSections(audios: Int(min(wanted.numAudios, 500)), videos: Int(min(wanted.numVideos, 500)))
            await makeOffer()
        case .requestResponse(let refusal) where !isSettled && refusal.reason != .ok:
            fail(.refused(status: 403, sentence: refusal.message))
        case .join(let response): note(response.otherParticipants)
        case .update(let update): note(update.participants)
        case .trickle(let message): await learn(message.candidateInit)
        case .leave(let leave):
            fail(.broken("The server said leave (\(leave.reason))."))
        default: break
        }
    }

    private func take(_ description: Livekit_SessionDescription) async {
        // An answer to another offer than the last is of no use any more.
        guard description.id == 0 || description.id == offerID else { return }
        isAwaitingAnswer = false
        do throws(LoadError) {
            await use(try ServerAnswer(description.sdp, to: offered, mayTrickle: true))
        } catch { return fail(error) }
    }

    private func note(_ participants: [Livekit_ParticipantInfo]) {
        for participant in participants {
            for track in participant.tracks where publishers.count < LiveKitSession.publisherLimit {
                publishers[track.sid] = participant.identity
            }
        }
    }

    private func learn(_ candidate: String) async {
        guard let reachable = ServerAnswer.reachable(trickled: candidate), trickled.count < 64 else { return }
        trickled.append(reachable)
        if let answer = unreachableAnswer {
            unreachableAnswer = nil
            await use(answer)
        }
    }

    private func use(_ answer: ServerAnswer) async {
        var answer = answer
        for index in answer.sections.indices {
            answer.sections[index].publisher = answer.sections[index].trackID.flatMap { publishers[$0] }
        }
        for candidate in trickled { answer.add(candidate) }
        guard !answer.candidates.isEmpty || !answer.tcpCandidates.isEmpty else {
            unreachableAnswer = answer
            return
        }
        if let error = await onAnswer(answer) { return fail(error) }
        if publishes.isEmpty || hasOffered {
            settle()
        } else if !hasAnnounced {
            hasAnnounced = true
            for track in publishes { await send(.with { $0.addTrack = track.request }) }
        }
        if mustOffer { await makeOffer() }
    }

    private func settle() {
        isSettled = true
        wake()
    }

    private func fail(_ error: LoadError) {
        failure = failure ?? error
        wake()
    }

    private func wake() {
        let waiting = waiters
        waiters = []
        for waiter in waiting { waiter.resume() }
    }

    // MARK: Offers

    private func offerTracks() async {
        hasOffered = true
        for track in publishes {
            offer.sections.append(
                ClientOffer.Section(
                    mid: freshMID(), kind: track.kind, direction: .sendonly, codecs: track.codecs, rids: track.rids,
                    trackID: track.request.cid))
        }
        await makeOffer()
    }

    private func addSections(audios: Int, videos: Int) {
        for _ in 0..<audios {
            offer.sections.append(.init(mid: freshMID(), kind: .audio, direction: .recvonly, codecs: [ClientOffer.opus]))
        }
        for _ in 0..<videos {
            offer.sections.append(.init(mid: freshMID(), kind: .video, direction: .recvonly, codecs: ClientOffer.videoCodecs))
        }
    }

    private func freshMID() -> String {
        defer { nextMID += 1 }
        return String(nextMID)
    }

    private func makeOffer() async {
        guard !isAwaitingAnswer else {
            mustOffer = true
            return
        }
        mustOffer = false
        isAwaitingAnswer = true
        offerID += 1
        offer.version += 1
        offered = offer
        await send(
            .with {
                $0.offer = .with {
                    $0.type = "offer"
                    $0.sdp = offer.text
                    $0.id = offerID
                }
            })
    }

    // MARK: What the client does

    private func send(_ request: Livekit_SignalRequest) async { await writer?.send(request) }

    /// Says that all it sends is muted, or is not.
    func mute(_ muted: Bool) async {
        for sid in published.values.sorted() {
            await send(
                .with {
                    $0.mute = .with {
                        $0.sid = sid
                        $0.muted = muted
                    }
                })
        }
    }

    /// Asks for this quality of the tracks with these names.
    func wish(_ quality: Livekit_VideoQuality, of tracks: [String]) async {
        await send(
            .with {
                $0.trackSetting = .with {
                    $0.trackSids = tracks
                    $0.quality = quality
                }
            })
    }

    @discardableResult
    func end() async -> Bool {
        pinging?.cancel()
        let wasThere = failure == nil
        await send(
            .with {
                $0.leave = .with {
                    $0.reason = .clientInitiated
                    $0.action = .disconnect
                }
            })
        await writer?.close()
        reading?.cancel()
        reading = nil
        return wasThere
    }
}
