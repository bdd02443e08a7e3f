import HeadlessClients
import MediaPrimitives
import MediaSecurity
import RTP
import SDP

/// Has clients join: token, offer, answer, and then their loop.
struct Joiner: Sendable {
    enum Role: Sendable { case publisher, subscriber }

    let plan: LoadPlan
    let http: HTTPClient
    let certificate: Certificate
    let tokens: LoadRun.TokenSource

    /// How long a subscriber asks again while nobody publishes.
    private static let patience = Interval.seconds(10)

    func join(_ role: Role, number: Int, on thread: LoadThread) async -> Result<(key: Int, session: WHIPSession), LoadError> {
        do throws(LoadError) {
            return .success(try await enter(role, number: number, on: thread))
        } catch { return .failure(error) }
    }

    private func enter(_ role: Role, number: Int, on thread: LoadThread) async throws(LoadError) -> (key: Int, session: WHIPSession) {
        let identity = role == .publisher ? "publisher-\(number)" : "subscriber-\(number)"
        guard let token = await tokens(identity, role == .publisher, role == .subscriber) else {
            throw .broken("A token could not be signed.")
        }
        let entropy = Entropy.system()
        let offer = ClientOffer(
            credentials: .random(entropy), fingerprint: certificate.fingerprint, sessionID: entropy.next(), sections: sections(role))
        let requestedAt = thread.now
        let room = Joiner.escaped(plan.room)
        let path =
            role == .publisher
            ? "/whip/\(room)" : plan.publishers > 1 ? "/whep/\(room)/publisher-\(number % plan.publishers)" : "/whep/\(room)"
        let session = try await WHIPSession(
            http, path: path, token: token, offer: offer, patience: Joiner.patience, clock: { thread.now })
        let answer = session.answer
        let setup = ClientSetup(
            identity: identity, number: UInt16(truncatingIfNeeded: number), requestedAt: requestedAt, transport: answer.transport,
            candidates: ordered(answer.candidates), extensions: answer.extensions,
            sending: answer.sections.filter(\.sends).map { section in
                SendingPlan(parameters: section.parameters, shapes: section.parameters.kind == .video ? [VideoShape()] : [])
            },
            receiving: answer.sections.filter(\.receives).map { ReceivingPlan(parameters: $0.parameters, trackID: $0.trackID) },
            verifies: role == .subscriber && number < plan.verifying)
        do throws(LoadError) {
            return (try await thread.open(setup), session)
        } catch {
            await session.end()
            throw error
        }
    }

    private func sections(_ role: Role) -> [ClientOffer.Section] {
        let direction: Direction = role == .publisher ? .sendonly : .recvonly
        var sections: [ClientOffer.Section] = []
        if plan.hasAudio {
            sections.append(
                .init(
                    mid: String(sections.count), kind: .audio, direction: direction, codecs: [ClientOffer.opus],
                    trackID: role == .publisher ? "microphone" : nil))
        }
        if plan.hasVideo {
            let codecs = role == .publisher ? ClientOffer.videoCodecs.filter { $0.codec == .vp8 } : ClientOffer.videoCodecs
            sections.append(
                .init(
                    mid: String(sections.count), kind: .video, direction: direction, codecs: codecs,
                    trackID: role == .publisher ? "camera" : nil))
        }
        return sections
    }

    /// The address at which HTTP was answered is the likeliest to work.
    private func ordered(_ candidates: [SocketAddress]) -> [SocketAddress] {
        let host = plan.server.host.lowercased()
        let isLikely = { (address: SocketAddress) in address.host == host || host == "localhost" && address.isLoopback && address.isIPv4 }
        return candidates.filter(isLikely) + candidates.filter { !isLikely($0) }
    }

    /// RFC 3986 §2.3.
    static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: String(UnicodeScalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
