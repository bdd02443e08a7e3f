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

    func setup(_ newcomer: Newcomer, _ answer: ServerAnswer, requestedAt: Instant) -> ClientSetup {
        // Publishers and participants have numbers of their own each.
        let source = newcomer.role == .participant ? plan.publishers + newcomer.number : newcomer.number
        return ClientSetup(
            identity: newcomer.identity, number: UInt16(truncatingIfNeeded: source), requestedAt: requestedAt, transport: answer.transport,
            candidates: ordered(answer.candidates), extensions: answer.extensions, sending: sending(answer), receiving: receiving(answer),
            verifies: newcomer.role.watches && newcomer.number < plan.verifying, loss: plan.loss)
    }

    func sending(_ answer: ServerAnswer) -> [SendingPlan] {
        answer.sections.filter(\.sends).map { section in
            SendingPlan(parameters: section.parameters, shapes: section.parameters.kind == .video ? plan.shapes : [])
        }
    }

    func receiving(_ answer: ServerAnswer) -> [ReceivingPlan] {
        answer.sections.filter(\.receives).map { ReceivingPlan(parameters: $0.parameters, trackID: $0.trackID) }
    }

    /// The address at which HTTP was answered is the likeliest to work.
    private func ordered(_ candidates: [SocketAddress]) -> [SocketAddress] {
        let host = plan.server.host.lowercased()
        let isLikely = { (address: SocketAddress) in address.host == host || host == "localhost" && address.isLoopback && address.isIPv4 }
        return candidates.filter(isLikely) + candidates.filter { !isLikely($0) }
    }
}
