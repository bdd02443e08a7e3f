import ICE
import MediaPrimitives

/// An agent and a controller with a network between them, in virtual time.
final class ICENetwork {
    static let server = SocketAddress(ipv4: 0xc633_6401, port: 7882)
    static let agentCredentials = ICECredentials(ufrag: "SRVRfrag", password: "server-password-of-24-chs")
    static let clientCredentials = ICECredentials(ufrag: "clnt", password: "client-password-of-24-chs")

    private struct Datagram {
        var arrival: Instant
        var isForAgent: Bool
        var path: Path
        var bytes: [UInt8]
    }

    let agent: ICEAgent
    let controller: ICEController
    var now = Instant(nanoseconds: 1_000_000_000)
    var delay = Interval.milliseconds(20)
    /// Chance that a datagram is lost, in percent.
    var loss: UInt64 = 0
    /// Whether a datagram by this path (as the client sees it) gets through.
    var passes: (Path) -> Bool = { _ in true }
    /// The same, only for what the server sends.
    var passesToClient: (Path) -> Bool = { _ in true }
    private(set) var agentEvents: [ICEEvent] = []
    private(set) var controllerEvents: [ICEEvent] = []
    /// The client's requests, by when they were sent.
    private(set) var requests: [(at: Instant, path: Path, message: STUNMessage)] = []
    private(set) var agentResults: [ICEResult] = []

    private let entropy: Entropy
    private let batch = DatagramBatch(capacity: 64)
    private var flying: [Datagram] = []

    init(
        seed: UInt64 = 1, agentLocal: ICECredentials = agentCredentials, agentRemote: ICECredentials = clientCredentials,
        clientLocal: ICECredentials = clientCredentials, clientRemote: ICECredentials = agentCredentials, path: Path = clientPath(1),
        nominating: Bool = true
    ) {
        entropy = .seeded(seed)
        agent = ICEAgent(local: agentLocal, remote: agentRemote, at: now, entropy: entropy)
        controller = ICEController(local: clientLocal, remote: clientRemote, path: path, nominating: nominating, at: now, entropy: entropy)
    }

    /// A way from the client's address number `n`.
    static func clientPath(_ n: UInt32, kind: Path.Kind = .udp) -> Path {
        Path(kind: kind, channel: kind == .tcp ? n : 0, local: SocketAddress(ipv4: 0x0a00_0000 + n, port: 5000), remote: server)
    }

    /// The same way as the other end sees it.
    static func reversed(_ path: Path) -> Path { Path(kind: path.kind, channel: path.channel, local: path.remote, remote: path.local) }

    func run(for duration: Interval) {
        let end = now + duration
        settle()
        while true {
            let arrival = flying.map(\.arrival).min() ?? .distantFuture
            let next = min(arrival, agent.nextDeadline, controller.nextDeadline)
            guard next <= end else { break }
            now = max(now, next)
            // In the order of sending, as long as the delay is one.
            while let index = flying.firstIndex(where: { $0.arrival <= now }) {
                let datagram = flying.remove(at: index)
                if datagram.isForAgent {
                    agentResults.append(
                        agent.receive(datagram.bytes.span.bytes, from: ICENetwork.reversed(datagram.path), at: now, into: batch))
                    send(isForAgent: false)
                } else {
                    _ = controller.receive(datagram.bytes.span.bytes, from: datagram.path, at: now, into: batch)
                    send(isForAgent: true)
                }
            }
            settle()
        }
        now = end
    }

    private func settle() {
        agent.handleTimeout(at: now)
        controller.handleTimeout(at: now)
        controller.drain(into: batch)
        send(isForAgent: true)
        while let event = agent.nextEvent() { agentEvents.append(event) }
        while let event = controller.nextEvent() { controllerEvents.append(event) }
    }

    private func send(isForAgent: Bool) {
        for index in 0..<batch.count {
            let path = isForAgent ? batch[index].path : ICENetwork.reversed(batch[index].path)
            let bytes = Array(batch.bytes(index))
            if isForAgent, let message = bytes.stun(), message.messageClass == .request { requests.append((now, path, message)) }
            guard entropy.next() % 100 >= loss, passes(path), isForAgent || passesToClient(path) else { continue }
            flying.append(Datagram(arrival: now + delay, isForAgent: isForAgent, path: path, bytes: bytes))
        }
        batch.removeAll()
    }
}

/// One check, as a client of `ICENetwork` would write it unless told otherwise.
func check(
    username: String = "SRVRfrag:clnt", password: String = ICENetwork.agentCredentials.password, nominating: Bool = false,
    role: STUNMessage.RoleClaim? = .controlling(7), _ more: (inout STUNWriter) -> Void = { _ in }
) -> [UInt8] {
    STUNMessageTests.write(.request, key: MessageIntegrityKey(password: password)) {
        $0.username(Array(username.utf8))
        $0.priority(1)
        if let role { $0.role(role) }
        if nominating { $0.useCandidate() }
        more(&$0)
    } ?? []
}
