import HeadlessClients
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

    /// Whose certificates are believed, where TLS is spoken.
    package enum Trust: Sendable {
        case system
        /// The system's authorities, and those in a PEM file.
        case file(String)
        /// Any certificate of anybody.
        case everybody
    }

    package var server: ServerAddress
    package var trust = Trust.system
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
    /// How media travel.
    package enum Transport: Sendable, Hashable {
        case udp
        /// By passive TCP candidates of the server (RFC 6544); where it names none, its UDP candidates' addresses are tried with this port.
        case tcp(port: UInt16)
    }
    package var transport = Transport.udp
    /// So many of the subscribers decrypt everything and check it; the others count, and look into one packet of 256.
    package var verifying = 3
    /// Loops for subscribers; publishers have one of their own.
    package var threads = 1
    package var hasAudio = true
    package var hasVideo = true
    package var codec = Codec.vp8
    /// Files whose pictures every camera sends, one for each of `layers`, lowest first; empty for synthetic ones.
    package var pictures: [VideoRecording] = []
    /// A file whose sound every microphone sends.
    package var sound: AudioRecording?
    /// Layers in one stream: VP9 and AV1.
    package var spatialLayers = 1
    package var temporalLayers = 1
    /// Spatial layers refer to each other in keyframes only.
    package var isKeySVC = false
    /// The packets of a picture leave over most of the time until the next, in place of at once.
    package var isPaced = false

    // What they do meanwhile.

    /// Of the packets that arrive, so many are lost before anybody looks at them: 0 to 1.
    package var loss = 0.0
    /// So many speak at a time, and others every two seconds; nil for all.
    package var speakers: Int?
    /// So often one who publishes mutes itself, for half of that time; zero for never.
    package var mutePeriod = Interval.zero
    /// So often every subscriber asks for another quality (LiveKit's protocol, simulcast); zero for never.
    package var layerPeriod = Interval.zero
    /// Subscribers that leave each second, and are replaced.
    package var churnPerSecond = 0.0

    /// Seconds between two lines about how it goes; zero for none.
    package var progress = Interval.seconds(5)

    package init(server: ServerAddress, room: String) {
        self.server = server
        self.room = room
    }
}
