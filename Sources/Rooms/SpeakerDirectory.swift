import MediaPrimitives

/// What one unit knows of speakers: the voices that it has itself, and all those of the rooms whose speakers it decides about.
struct SpeakerDirectory {
    /// As in Volfin and Cohen.
    static let interval = Interval.milliseconds(300)

    /// So many tracks of a room are heard at a time; 0 for all.
    let heard: Int
    /// Tracks of our participants whose packets bear levels, in the order in which they came.
    private(set) var voices: [Publication] = []
    private var rooms: [String: RoomSpeakers] = [:]
    private var roomOf: [TrackID: String] = [:]
    /// The rooms about which something was told since the last turn, in order.
    private var told: [String] = []
    /// When voices are next reported and rooms decided about; never, while nobody speaks.
    var nextTurn = Instant.distantFuture

    init(heard: Int) { self.heard = heard }

    /// Which of `workers` decides about a room: the same for all of them (FNV-1a).
    static func worker(decidingAbout room: String, of workers: Int) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in room.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int(hash % UInt64(max(1, workers)))
    }

    // MARK: Voices of ours

    mutating func add(_ voice: Publication) { voices.append(voice) }
    mutating func remove(_ voice: Publication) { voices.removeAll { $0 === voice } }

    // MARK: Rooms of ours

    mutating func add(_ track: TrackID, of participant: ParticipantID, in room: String, at now: Instant) {
        roomOf[track] = room
        rooms[room, default: RoomSpeakers(heard: heard)].add(track, of: participant, at: now)
    }

    /// Returns the room that it was in, if that is not empty now.
    mutating func remove(_ track: TrackID, at now: Instant) -> String? {
        guard let room = roomOf.removeValue(forKey: track) else { return nil }
        rooms[room]?.remove(track, at: now)
        guard rooms[room]?.isEmpty == true else { return room }
        rooms[room] = nil
        return nil
    }

    /// Returns its room.
    mutating func note(_ report: VoiceReport, of track: TrackID, at now: Instant) -> String? {
        guard let room = roomOf[track] else { return nil }
        if rooms[room]?.hasNews == false { told.append(room) }
        rooms[room]?.note(report, of: track, at: now)
        return room
    }

    /// Takes which tracks of a room are heard from now on, or not any more.
    mutating func takeHeard(in room: String) -> [Hearing] { rooms[room]?.takeHeard() ?? [] }

    /// Decides about all rooms that were told of. Returns who has the floor now where it is somebody else.
    mutating func decide() -> [(participant: ParticipantID, track: TrackID)] {
        defer { told.removeAll(keepingCapacity: true) }
        return told.compactMap { rooms[$0]?.decide() }
    }
}
