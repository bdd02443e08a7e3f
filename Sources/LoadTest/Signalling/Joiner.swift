import HeadlessClients
import MediaPrimitives
import MediaSecurity
import RTP
import SDP

/// Has clients join: token, offer, answer, and then their loop.
struct Joiner: Sendable {
    enum Role: Sendable {
        case publisher, subscriber
        /// Publishes and watches.
        case participant

        var publishes: Bool { self != .subscriber }
        var watches: Bool { self != .publisher }
    }

    /// Somebody who has joined.
    struct Member: Sendable {
        var role: Role
        var identity: String
        var thread: LoadThread
        /// What the thread calls it.
        var key: Int
        var session: any LoadSession
    }

    let plan: LoadPlan
    let http: HTTPClient
    let certificate: Certificate
    let tokens: LoadRun.TokenSource
    /// What is sent of files.
    let recordings = SentRecordings()

    func join(_ role: Role, number: Int, on thread: LoadThread) async -> Result<Member, LoadError> {
        do throws(LoadError) {
            let identity: String
            switch role {
            case .publisher: identity = "publisher-\(number)"
            case .subscriber: identity = "subscriber-\(number)"
            case .participant: identity = "participant-\(number)"
            }
            guard let token = await tokens(identity, role.publishes, role.watches) else { throw .broken("A token could not be signed.") }
            let newcomer = Newcomer(role: role, number: number, identity: identity, token: token, thread: thread)
            switch plan.signalling {
            case .whip: return .success(try await joinByHTTP(newcomer))
            case .livekit: return .success(try await joinBySocket(newcomer))
            }
        } catch { return .failure(error) }
    }

    /// Somebody on the way in.
    struct Newcomer: Sendable {
        var role: Role
        var number: Int
        var identity: String
        var token: String
        var thread: LoadThread
    }

    // MARK: What both ways share

    /// Throws `broken` where the server cannot be reached as the plan wants.
    func setup(_ newcomer: Newcomer, _ answer: ServerAnswer, requestedAt: Instant) throws(LoadError) -> ClientSetup {
        let candidates = ordered(candidates(answer))
        guard !candidates.isEmpty else { throw .broken("The answer names no candidate by \(plan.transport == .udp ? "UDP" : "TCP").") }
        return ClientSetup(
            identity: newcomer.identity, number: source(newcomer.role, newcomer.number), requestedAt: requestedAt,
            transport: answer.transport, candidates: candidates, usesTCP: plan.transport != .udp, extensions: answer.extensions,
            sending: sending(answer), receiving: receiving(answer, newcomer),
            verifies: newcomer.role.watches && newcomer.number < plan.verifying, loss: plan.loss)
    }

    func sending(_ answer: ServerAnswer) -> [SendingPlan] {
        answer.sections.filter(\.sends).map { section in
            SendingPlan(
                parameters: section.parameters, contents: section.parameters.kind == .video ? plan.contents : [], sound: plan.sound,
                recordings: recordings)
        }
    }

    func receiving(_ answer: ServerAnswer, _ newcomer: Newcomer) -> [ReceivingPlan] {
        answer.sections.filter(\.receives).map { section in
            let isRecorded = section.parameters.kind == .video ? !plan.pictures.isEmpty : plan.sound != nil
            return ReceivingPlan(
                parameters: section.parameters, trackID: section.trackID, source: publisher(of: section, for: newcomer),
                recordings: isRecorded ? recordings : nil, spatialLayers: isRecorded ? 1 : plan.spatialLayers,
                temporalLayers: isRecorded ? 1 : plan.temporalLayers)
        }
    }

    /// What somebody stamps: publishers and participants have numbers of their own each.
    private func source(_ role: Role, _ number: Int) -> UInt16 {
        UInt16(truncatingIfNeeded: role == .participant ? plan.publishers + number : number)
    }

    /// Whose packets are to come, as far as signalling tells.
    private func publisher(of section: ServerAnswer.Section, for newcomer: Newcomer) -> UInt16? {
        switch plan.signalling {
        case .whip: return plan.publishers > 0 ? source(.publisher, newcomer.number % plan.publishers) : nil
        case .livekit:
            guard let name = section.publisher?.split(separator: "-"), name.count == 2, let number = Int(name[1]) else { return nil }
            return source(name[0] == "participant" ? .participant : .publisher, number)
        }
    }

    private func candidates(_ answer: ServerAnswer) -> [SocketAddress] {
        guard case .tcp(let port) = plan.transport else { return answer.candidates }
        return answer.tcpCandidates.isEmpty ? answer.candidates.map { $0.with(port: port) } : answer.tcpCandidates
    }

    /// The address at which HTTP was answered is the likeliest to work.
    private func ordered(_ candidates: [SocketAddress]) -> [SocketAddress] {
        let host = plan.server.host.lowercased()
        let isLikely = { (address: SocketAddress) in address.host == host || host == "localhost" && address.isLoopback && address.isIPv4 }
        return candidates.filter(isLikely) + candidates.filter { !isLikely($0) }
    }
}
