import MediaPrimitives
import RTP

/// Who joins, what they do, and for how long.
package struct LoadPlan: Sendable {
    /// How clients and server agree.
    package enum Signalling: String, Sendable, CaseIterable {
        /// WHIP (RFC 9725) for those who publish, WHEP for those who watch.
        case whip
        /// LiveKit's: a signalling socket, rooms in which everybody gets everything.
        case livekit
    }

    package var server: ServerAddress
    package var room: String
    package var signalling = Signalling.whip
    /// Those who only publish, and those who only watch.
    package var publishers = 1
    package var subscribers = 10
    /// Those who do both (LiveKit's protocol only).
    package var participants = 0
    /// Encodings of each camera: 1, or more for simulcast.
    package var layers = 1
    /// From when all have joined.
    package var duration = Interval.seconds(30)
    /// Joins begun each second.
    package var joinsPerSecond = 100.0
    /// So many of the subscribers decrypt everything and check it; the others count, and look into one packet of 64.
    package var verifying = 3
    /// Loops for subscribers; publishers have one of their own.
    package var threads = 1
    package var hasAudio = true
    package var hasVideo = true
    /// Seconds between two lines about how it goes; zero for none.
    package var progress = Interval.seconds(5)

    package init(server: ServerAddress, room: String) {
        self.server = server
        self.room = room
    }
}
