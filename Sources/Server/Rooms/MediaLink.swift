import MediaPrimitives
import MediaWorker
import Negotiation
import RTP
import Rooms
import Signalling

/// One transport of a member, as the control plane keeps it: what was negotiated, and on which worker it lives. Confined to its room's actor.
///
/// What its worker shall do is stated whole each time, so that a later statement takes the place of an earlier one.
final class MediaLink {
    let worker: Int
    let host: any MediaHost
    var cname: String
    /// For `o=`, and how often we have described ourselves (RFC 9429 §5.2.2).
    let sessionID: UInt64
    private var version: UInt64 = 0
    var local: ICECredentials
    var remote: ICECredentials?
    /// Our side of DTLS, as the first answer agreed it.
    var role: DTLSRole?
    /// On the worker; nil before it is opened.
    var participant: ParticipantID?
    /// Its place on the worker is used, or about to be.
    var isOpening = false
    var isConnected = false
    var isClosed = false
    /// What we receive.
    var receiving: [ReceivingSection] = []
    /// What we send, in the order of the description.
    var sending: [Outgoing] = []
    /// What the last answer said that we send. What has ended since is among it: the client does not know.
    private var described: [RTPParameters] = []
    /// Mids of sections that stay silent until the client has had time to apply the answer that names them: see decision 0015.
    var held: Set<String> = [] { didSet { holdings &+= 1 } }
    /// How often that was decided.
    private(set) var holdings = 0
    /// The SSRCs of the sections that carry something, for the track that they carry.
    private var streams: [String: (track: TrackID, stream: RTPParameters.Stream)] = [:]
    /// The worker has not been told yet of the latest `receiving` and `sending`.
    var isOutdated = false
    /// While the worker is being told.
    var settling: Task<Void, Never>?

    struct Outgoing {
        var parameters: RTPParameters
        /// nil: silent for now.
        var track: TrackID?
    }

    init(worker: Int, host: any MediaHost, entropy: Entropy) {
        self.worker = worker
        self.host = host
        cname = entropy.urlText(16)
        sessionID = entropy.next()
        local = ICECredentials.random(entropy, worker: worker)
    }

    /// An answer says that we send by these sections. Mids of those that come to the only one of their kind by which the client receives so far: all
    /// that it has applied is the answer before.
    func describe(_ sending: [RTPParameters]) -> Set<String> {
        let former = Dictionary(grouping: described, by: \.kind).mapValues { Set($0.map(\.mid)) }
        described = sending
        let second = sending.filter { section in former[section.kind].map { $0.count == 1 && !$0.contains(section.mid) } ?? false }
        return Set(second.map(\.mid))
    }

    func freshCredentials(_ entropy: Entropy) -> ICECredentials { ICECredentials.random(entropy, worker: worker) }

    func nextVersion() -> UInt64 {
        version += 1
        return version
    }

    /// Our SSRCs for `track` on section `mid`, different from all in `taken` and from all before: libwebrtc plays nothing from an SSRC that
    /// comes back after its section was silent, and no number may be used again under one.
    func stream(mid: String, track: TrackID, type: Livekit_TrackType, taken: Set<UInt32>, entropy: Entropy) -> RTPParameters.Stream {
        if let known = streams[mid], known.track == track { return known.stream }
        var used = taken.union(streams.values.flatMap { [$0.stream.ssrc.rawValue, $0.stream.rtxSSRC?.rawValue].compactMap { $0 } })
        let fresh = {
            var ssrc = entropy.ssrc()
            while !used.insert(ssrc.rawValue).inserted { ssrc = entropy.ssrc() }
            return ssrc
        }
        let stream = RTPParameters.Stream(ssrc: fresh(), rtxSSRC: type == .video ? fresh() : nil)
        streams[mid] = (track, stream)
        return stream
    }

    /// Only these sections carry something any more.
    func keepStreams(of mids: some Collection<String>) { streams = streams.filter { mids.contains($0.key) } }
}
