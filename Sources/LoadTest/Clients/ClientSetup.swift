import HeadlessClients
import MediaPrimitives
import RTP

/// All that a client's loop needs to begin, after signalling.
struct ClientSetup: Sendable {
    var identity: String
    /// Tells its packets from those of others.
    var number: UInt16
    /// When it asked to join.
    var requestedAt: Instant
    var transport: TransportParameters
    /// Never empty; of one kind.
    var candidates: [SocketAddress]
    /// Whether they are reached by TCP.
    var usesTCP = false
    var extensions: HeaderExtensionMap
    var sending: [SendingPlan]
    var receiving: [ReceivingPlan]
    var verifies: Bool
    /// The share of media packets that are lost on arrival.
    var loss: Double
}

/// A section that was agreed for receiving.
struct ReceivingPlan: Sendable {
    var parameters: RTPParameters
    var trackID: String?
    /// Who publishes it, where that is known.
    var source: UInt16?
    /// What is sent of files, if that is what comes.
    var recordings: SentRecordings?
    /// Of one stream of pictures.
    var spatialLayers = 1
    var temporalLayers = 1
}

/// A section that was agreed for sending, and what shall be sent.
struct SendingPlan: Sendable {
    var parameters: RTPParameters
    /// One for each rid, in their order; one where there are none. Of sound empty.
    var contents: [VideoContent]
    /// A file whose sound is sent.
    var sound: AudioRecording?
    /// Where it is noted what is sent of files.
    var recordings: SentRecordings

    /// Makes its sources.
    func add(to media: PublishedMedia, number: UInt16, wallClock: WallClock, at now: Instant, _ entropy: Entropy) {
        guard let codec = parameters.codecs.first else { return }
        func stream(_ rid: String?) -> PublishedStream {
            PublishedStream(
                codec: codec, mid: parameters.mid, rid: rid, firstSequence: nil, firstTimestamp: nil, clockSkew: .zero,
                wallClock: wallClock,
                origin: now, entropy: entropy)
        }
        // Not all at the same instant: cameras are not in step.
        let start = now + .microseconds(Int64(entropy.next() % 33_000))
        guard parameters.kind == .video else {
            let log = sound == nil ? nil : self.log(.audio, number, layer: 0)
            media.microphones.append(AudioSource(stream: stream(nil), source: number, recording: sound, log: log, at: start))
            return
        }
        for (layer, content) in contents.prefix(max(1, parameters.rids.count)).enumerated() {
            let rid = parameters.rids.isEmpty ? nil : parameters.rids[layer]
            var log: SentLog?
            if case .recorded = content { log = self.log(.video, number, layer: UInt8(layer)) }
            media.cameras.append(
                VideoSource(
                    stream: stream(rid), source: number, layer: UInt8(layer), content: content, log: log, at: start, entropy: entropy))
        }
    }

    private func log(_ kind: MediaKind, _ number: UInt16, layer: UInt8) -> SentLog {
        let log = SentLog(kind: kind, source: number, layer: layer)
        recordings.add(log)
        return log
    }
}
