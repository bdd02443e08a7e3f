import MediaPrimitives
import MediaSecurity
import RTP
import SDP

extension Joiner {
    /// How long a subscriber asks again while nobody publishes.
    private static let patience = Interval.seconds(10)

    func joinByHTTP(_ newcomer: Newcomer) async throws(LoadError) -> Member {
        let thread = newcomer.thread
        let entropy = Entropy.system()
        let offer = ClientOffer(
            credentials: .random(entropy), fingerprint: certificate.fingerprint, sessionID: entropy.next(),
            sections: sections(newcomer.role))
        let requestedAt = thread.now
        let room = Joiner.escaped(plan.room)
        let path =
            newcomer.role == .publisher
            ? "/whip/\(room)" : plan.publishers > 1 ? "/whep/\(room)/publisher-\(newcomer.number % plan.publishers)" : "/whep/\(room)"
        let session = try await WHIPSession(
            http, path: path, token: newcomer.token, offer: offer, patience: Joiner.patience, clock: { thread.now })
        do throws(LoadError) {
            let key = try await thread.open(try setup(newcomer, session.answer, requestedAt: requestedAt))
            return Member(role: newcomer.role, identity: newcomer.identity, thread: thread, key: key, session: session)
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
            sections.append(
                .init(
                    mid: String(sections.count), kind: .video, direction: direction,
                    codecs: role == .publisher ? plan.publishedVideo : ClientOffer.videoCodecs, rids: role == .publisher ? plan.rids : [],
                    trackID: role == .publisher ? "camera" : nil))
        }
        return sections
    }

    /// RFC 3986 §2.3.
    private static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: String(UnicodeScalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
