import Forwarding
import MediaPrimitives
import RTP

/// One thing that a worker's unit tells another's. Between units of one process: trusted, and yet read with its length in mind.
enum WorkerRecord {
    /// A datagram that arrived at the wrong worker. `isKnown`: datagrams by this path are handed to the receiver of the record already.
    case datagram(UnsafeMutableRawBufferPointer, Path, at: Instant, isKnown: Bool)
    /// An authenticated, decrypted RTP packet of a track that the receiver of the record wants. `number` counts those of its layer;
    /// `spurt`, below 128, is another one after some were left out on purpose.
    case packet(UnsafeRawBufferPointer, TrackID, layer: Int, isRetransmission: Bool, spurt: UInt8, number: UInt32, at: Instant)
    /// A sender report for one layer, and how far the publisher's clock is from ours.
    case report(TrackID, layer: Int, ntp: NTPTime, timestamp: UInt32, at: Instant, offset: Interval?)
    /// The publisher has said goodbye to a layer.
    case goodbye(TrackID, layer: Int)

    /// The receiver's packets of this track are wanted, whenever it has some.
    case want(TrackID)
    case unwant(TrackID)
    /// A wanted track is there; how its layers are at this moment.
    case began(TrackID, offset: Interval?, layers: [EncodingSnapshot])
    case ended(TrackID)
    /// Somebody who is fed by way of the sender cannot decode this layer.
    case keyframe(TrackID, layer: Int)
    /// The receiver decides who is heard in the room that this track of the sender's is spoken in; not any more.
    case voice(TrackID, ParticipantID, room: String)
    case voiceless(TrackID)
    /// What was said on it.
    case speech(TrackID, VoiceReport)
    /// It is heard from now on, or not any more.
    case heard(TrackID, Bool)
    /// So many layers of a track, from the lowest, are wanted where the sender is; until it says so, none.
    case demand(TrackID, layers: Int)
    /// The publisher of a wanted track was told to send so many of its layers, from the lowest.
    case supply(TrackID, layers: Int)
    /// Datagrams by this path belong to the sender from now on.
    case learn(Path)
    case forget(Path)

    fileprivate enum Kind: UInt8 {
        case datagram = 1, packet, report, goodbye, want, unwant, began, ended, keyframe, voice, voiceless, speech, heard, learn, forget
        case demand, supply
    }

    /// So many layers no publication has.
    private static let layerLimit = 16
    /// Stands for an interval that is not known, and is none.
    fileprivate static let unknown = UInt64(1) << 63

    // MARK: Writing

    func write(into writer: inout ByteWriter) {
        switch self {
        case .datagram(let bytes, let path, let arrival, let isKnown):
            writer.kind(.datagram)
            writer.uint8(isKnown ? 1 : 0)
            writer.path(path)
            writer.instant(arrival)
            writer.bytes(UnsafeRawBufferPointer(bytes))
        case .packet(let bytes, let track, let layer, let isRetransmission, let spurt, let number, let arrival):
            writer.kind(.packet)
            writer.uint8(UInt8(truncatingIfNeeded: layer))
            writer.uint8(spurt << 1 | (isRetransmission ? 1 : 0))
            writer.uint32(number)
            writer.uint64(track.rawValue)
            writer.instant(arrival)
            writer.bytes(bytes)
        case .report(let track, let layer, let ntp, let timestamp, let arrival, let offset):
            writer.kind(.report, track, layer)
            writer.uint64(ntp.rawValue)
            writer.uint32(timestamp)
            writer.instant(arrival)
            writer.interval(offset)
        case .goodbye(let track, let layer): writer.kind(.goodbye, track, layer)
        case .want(let track): writer.kind(.want, track)
        case .unwant(let track): writer.kind(.unwant, track)
        case .began(let track, let offset, let layers):
            writer.kind(.began, track)
            writer.interval(offset)
            for layer in layers.prefix(WorkerRecord.layerLimit) { writer.snapshot(layer) }
        case .ended(let track): writer.kind(.ended, track)
        case .keyframe(let track, let layer): writer.kind(.keyframe, track, layer)
        case .voice(let track, let participant, let room):
            writer.kind(.voice, track)
            writer.uint64(participant.rawValue)
            // The control plane's limit of a name is far below.
            for byte in room.utf8.prefix(1_024) { writer.uint8(byte) }
        case .voiceless(let track): writer.kind(.voiceless, track)
        case .speech(let track, let report):
            writer.kind(.speech, track)
            writer.uint8(report.scores.immediate)
            writer.uint8(report.scores.medium)
            writer.uint8(report.scores.long)
            writer.uint8(report.loudness)
        case .heard(let track, let isHeard):
            writer.kind(.heard, track)
            writer.uint8(isHeard ? 1 : 0)
        case .demand(let track, let layers): writer.kind(.demand, track, layers)
        case .supply(let track, let layers): writer.kind(.supply, track, layers)
        case .learn(let path):
            writer.kind(.learn)
            writer.path(path)
        case .forget(let path):
            writer.kind(.forget)
            writer.path(path)
        }
    }

    // MARK: Reading

    /// Nil for what no unit writes.
    init?(_ memory: UnsafeMutableRawBufferPointer) {
        let bytes = UnsafeRawBufferPointer(memory).bytes
        guard let first = bytes.uint8(at: 0), let kind = Kind(rawValue: first) else { return nil }
        var cursor = Cursor(at: 1)
        switch kind {
        case .datagram:
            guard let isKnown = cursor.uint8(bytes), let path = cursor.path(bytes), let arrival = cursor.instant(bytes) else { return nil }
            self = .datagram(
                UnsafeMutableRawBufferPointer(rebasing: memory[cursor.at...]), path, at: arrival, isKnown: isKnown != 0)
        case .packet:
            guard let layer = cursor.uint8(bytes), let flags = cursor.uint8(bytes), let number = cursor.uint32(bytes),
                let track = cursor.uint64(bytes), let arrival = cursor.instant(bytes)
            else { return nil }
            self = .packet(
                UnsafeRawBufferPointer(rebasing: memory[cursor.at...]), TrackID(rawValue: track), layer: Int(layer),
                isRetransmission: flags & 1 != 0, spurt: flags >> 1, number: number, at: arrival)
        case .learn, .forget:
            guard let path = cursor.path(bytes) else { return nil }
            self = kind == .learn ? .learn(path) : .forget(path)
        case .report, .goodbye, .want, .unwant, .began, .ended, .keyframe, .voice, .voiceless, .speech, .heard, .demand, .supply:
            guard let layer = cursor.uint8(bytes), let track = cursor.uint64(bytes) else { return nil }
            self.init(kind, TrackID(rawValue: track), layer: Int(layer), bytes, &cursor)
        }
    }

    private init?(_ kind: Kind, _ track: TrackID, layer: Int, _ bytes: RawSpan, _ cursor: inout Cursor) {
        switch kind {
        case .report:
            guard let ntp = cursor.uint64(bytes), let timestamp = cursor.uint32(bytes), let arrival = cursor.instant(bytes) else {
                return nil
            }
            self = .report(
                track, layer: layer, ntp: NTPTime(rawValue: ntp), timestamp: timestamp, at: arrival, offset: cursor.interval(bytes))
        case .goodbye: self = .goodbye(track, layer: layer)
        case .want: self = .want(track)
        case .unwant: self = .unwant(track)
        case .began:
            let offset = cursor.interval(bytes)
            var layers: [EncodingSnapshot] = []
            while cursor.at < bytes.byteCount {
                guard let layer = cursor.snapshot(bytes) else { return nil }
                layers.append(layer)
            }
            self = .began(track, offset: offset, layers: layers)
        case .ended: self = .ended(track)
        case .keyframe: self = .keyframe(track, layer: layer)
        case .voice:
            guard let participant = cursor.uint64(bytes) else { return nil }
            var room: [UInt8] = []
            while let byte = cursor.uint8(bytes) { room.append(byte) }
            self = .voice(track, ParticipantID(rawValue: participant), room: String(decoding: room, as: UTF8.self))
        case .voiceless: self = .voiceless(track)
        case .speech:
            guard let immediate = cursor.uint8(bytes), let medium = cursor.uint8(bytes), let long = cursor.uint8(bytes),
                let loudness = cursor.uint8(bytes)
            else { return nil }
            let scores = SpeechActivity.Scores(immediate: immediate, medium: medium, long: long)
            self = .speech(track, VoiceReport(scores: scores, loudness: loudness))
        case .heard:
            guard let isHeard = cursor.uint8(bytes) else { return nil }
            self = .heard(track, isHeard != 0)
        case .demand: self = .demand(track, layers: layer)
        case .supply: self = .supply(track, layers: layer)
        case .datagram, .packet, .learn, .forget: return nil
        }
    }

    /// Reads fields one after another.
    fileprivate struct Cursor {
        var at: Int

        mutating func uint8(_ bytes: RawSpan) -> UInt8? {
            defer { at &+= 1 }
            return bytes.uint8(at: at)
        }
        mutating func uint16(_ bytes: RawSpan) -> UInt16? {
            defer { at &+= 2 }
            return bytes.uint16(at: at)
        }
        mutating func uint32(_ bytes: RawSpan) -> UInt32? {
            defer { at &+= 4 }
            return bytes.uint32(at: at)
        }
        mutating func uint64(_ bytes: RawSpan) -> UInt64? {
            defer { at &+= 8 }
            return bytes.uint64(at: at)
        }
        mutating func instant(_ bytes: RawSpan) -> Instant? { uint64(bytes).map { Instant(nanoseconds: Int64(bitPattern: $0)) } }

        /// An interval that may be unknown.
        mutating func interval(_ bytes: RawSpan) -> Interval? {
            uint64(bytes).flatMap { $0 == WorkerRecord.unknown ? nil : Interval(nanoseconds: Int64(bitPattern: $0)) }
        }

        mutating func address(_ bytes: RawSpan) -> SocketAddress? {
            guard let high = uint64(bytes), let low = uint64(bytes), let scope = uint32(bytes), let port = uint16(bytes) else { return nil }
            return SocketAddress(high: high, low: low, scope: scope, port: port)
        }

        mutating func path(_ bytes: RawSpan) -> Path? {
            guard let kind = uint8(bytes).flatMap({ Path.Kind(rawValue: $0) }), let channel = uint32(bytes), let local = address(bytes),
                let remote = address(bytes)
            else { return nil }
            return Path(kind: kind, channel: channel, local: local, remote: remote)
        }

        mutating func snapshot(_ bytes: RawSpan) -> EncodingSnapshot? {
            guard let has = uint8(bytes), let ssrc = uint32(bytes), let ntp = uint64(bytes), let timestamp = uint32(bytes),
                let reported = instant(bytes), let arrival = instant(bytes), let rate = uint32(bytes), let height = uint32(bytes)
            else { return nil }
            return EncodingSnapshot(
                ssrc: has & 1 == 0 ? nil : SSRC(ssrc),
                report: has & 2 == 0 ? nil : .init(ntp: NTPTime(rawValue: ntp), timestamp: timestamp, arrival: reported),
                lastArrival: has & 4 == 0 ? nil : arrival, bitsPerSecond: Int(rate), height: Int(height),
                isSwitchedOff: has & 8 != 0)
        }
    }
}

extension ByteWriter {
    fileprivate mutating func kind(_ kind: WorkerRecord.Kind) { uint8(kind.rawValue) }

    fileprivate mutating func kind(_ kind: WorkerRecord.Kind, _ track: TrackID, _ layer: Int = 0) {
        uint8(kind.rawValue)
        uint8(UInt8(truncatingIfNeeded: layer))
        uint64(track.rawValue)
    }

    fileprivate mutating func instant(_ instant: Instant) { uint64(UInt64(bitPattern: instant.nanoseconds)) }

    fileprivate mutating func interval(_ interval: Interval?) {
        uint64(interval.map { UInt64(bitPattern: $0.nanoseconds) } ?? WorkerRecord.unknown)
    }

    private mutating func address(_ address: SocketAddress) {
        uint64(address.high)
        uint64(address.low)
        uint32(address.scope)
        uint16(address.port)
    }

    fileprivate mutating func path(_ path: Path) {
        uint8(path.kind.rawValue)
        uint32(path.channel)
        address(path.local)
        address(path.remote)
    }

    fileprivate mutating func snapshot(_ snapshot: EncodingSnapshot) {
        uint8(
            (snapshot.ssrc == nil ? 0 : 1) | (snapshot.report == nil ? 0 : 2) | (snapshot.lastArrival == nil ? 0 : 4)
                | (snapshot.isSwitchedOff ? 8 : 0))
        uint32(snapshot.ssrc?.rawValue ?? 0)
        uint64(snapshot.report?.ntp.rawValue ?? 0)
        uint32(snapshot.report?.timestamp ?? 0)
        instant(snapshot.report?.arrival ?? Instant(nanoseconds: 0))
        instant(snapshot.lastArrival ?? Instant(nanoseconds: 0))
        uint32(UInt32(clamping: snapshot.bitsPerSecond))
        uint32(UInt32(clamping: snapshot.height))
    }
}
