import HeadlessClients
import MediaPrimitives
import MediaSecurity
import RTP
import SDP
import Signalling
import SwiftProtobuf
import Synchronization

extension Joiner {
    /// What every SDK offers to receive by on joining; the server asks for more when it has more.
    private static let firstSections = 3

    func joinBySocket(_ newcomer: Newcomer) async throws(LoadError) -> Member {
        let thread = newcomer.thread
        let entropy = Entropy.system()
        let kinds = Array(repeating: MediaKind.audio, count: Joiner.firstSections) + Array(repeating: .video, count: Joiner.firstSections)
        let sections = kinds.enumerated().map { index, kind in
            ClientOffer.Section(
                mid: String(index), kind: kind, direction: .recvonly,
                codecs: kind == .audio ? [ClientOffer.opus] : ClientOffer.videoCodecs)
        }
        let offer = ClientOffer(
            credentials: .random(entropy), fingerprint: certificate.fingerprint, sessionID: entropy.next(), sections: sections)
        let requestedAt = thread.now
        // What the thread calls the client, once the first answer has made it.
        let held = KnownKey()
        let session = LiveKitSession(publishes: newcomer.role.publishes ? tracks(of: newcomer) : [], offer: offer) { answer in
            if let key = held.key {
                await thread.add(key, sending: sending(answer), receiving: receiving(answer, newcomer), extensions: answer.extensions)
                return nil
            }
            do throws(LoadError) { held.key = try await thread.open(try setup(newcomer, answer, requestedAt: requestedAt)) } catch {
                return error
            }
            return nil
        }
        do throws(LoadError) {
            try await session.join(http, token: newcomer.token, subscribes: newcomer.role.watches)
        } catch {
            if let key = held.key { await thread.close(key) }
            throw error
        }
        guard let key = held.key else { throw .broken("The server agreed on nothing.") }
        return Member(role: newcomer.role, identity: newcomer.identity, thread: thread, key: key, session: session)
    }

    private func tracks(of newcomer: Newcomer) -> [LiveKitSession.Track] {
        var tracks: [LiveKitSession.Track] = []
        if plan.hasAudio {
            let request = Livekit_AddTrackRequest.with {
                $0.cid = "microphone-\(newcomer.identity)"
                $0.name = "microphone"
                $0.type = .audio
                $0.source = .microphone
            }
            tracks.append(LiveKitSession.Track(request: request, kind: .audio, codecs: [ClientOffer.opus], rids: []))
        }
        if plan.hasVideo {
            let contents = plan.contents
            let request = Livekit_AddTrackRequest.with {
                $0.cid = "camera-\(newcomer.identity)"
                $0.name = "camera"
                $0.type = .video
                $0.source = .camera
                $0.width = UInt32(contents.last?.width ?? 0)
                $0.height = UInt32(contents.last?.height ?? 0)
                $0.layers = zip(contents, [Livekit_VideoQuality.low, .medium, .high].suffix(contents.count)).map { content, quality in
                    .with {
                        $0.quality = quality
                        $0.width = UInt32(content.width)
                        $0.height = UInt32(content.height)
                        $0.bitrate = UInt32(content.bitsPerSecond)
                    }
                }
            }
            tracks.append(LiveKitSession.Track(request: request, kind: .video, codecs: plan.publishedVideo, rids: plan.rids))
        }
        return tracks
    }
}

/// Set by the first answer, read by those that follow it, which come one after the other.
private final class KnownKey: Sendable {
    private let value = Mutex<Int?>(nil)

    var key: Int? {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}
