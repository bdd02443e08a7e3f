import MediaPrimitives
import RTP

/// What one client has of one track when it leaves.
package struct TrackOutcome: Sendable {
    package var kind: MediaKind
    /// By sequence number, from the first that came to the highest.
    package var expected: UInt64
    /// Each number once.
    package var received: UInt64
    package var bytes: UInt64
    package var duplicates: UInt64 = 0
    package var repaired: UInt64 = 0
    package var padding: UInt64 = 0
    package var nacked: UInt64 = 0
    package var keyframeRequests: UInt64 = 0
    /// Layers that were asked for, and packets that came of another one afterwards (of those that were looked into).
    package var layersAsked: UInt64 = 0
    package var layersReached: UInt64 = 0
    package var wrongLayer: UInt64 = 0
    package var freezes = 0
    package var freezeTime = Interval.zero
    package var faults: [String] = []

    /// The last packet it has, as its publisher counts them.
    package struct Last: Sendable {
        package var source: UInt16
        package var kind: MediaKind
        package var layer: UInt8
        package var ordinal: UInt64

        package init(source: UInt16, kind: MediaKind, layer: UInt8, ordinal: UInt64) {
            self.source = source
            self.kind = kind
            self.layer = layer
            self.ordinal = ordinal
        }
    }
    package var last: Last?

    package init(kind: MediaKind, expected: UInt64, received: UInt64, bytes: UInt64) {
        self.kind = kind
        self.expected = expected
        self.received = received
        self.bytes = bytes
    }
}

/// What one client has seen when it leaves.
package struct ClientOutcome: Sendable {
    package var identity: String
    package var requestedAt: Instant
    /// The first packet of media that could be decrypted.
    package var firstMedia: Instant?
    package var firstFrame: Instant?
    /// Why it ended before its time.
    package var closedReason: String?
    package var verifies: Bool
    package var tracks: [TrackOutcome]
    /// Packets of streams that nobody announced, and those that could not be decrypted.
    package var strays: UInt64 = 0
    package var unreadable: UInt64 = 0
    /// Lost on purpose.
    package var dropped: UInt64 = 0
    package var overflowed: UInt64 = 0
    package var sendFailures: UInt64 = 0
    /// Of a publisher: how many packets each of its encodings has sent.
    package var published: [PublishedCount]

    package struct PublishedCount: Sendable {
        package var source: UInt16
        package var kind: MediaKind
        package var layer: UInt8
        package var packets: UInt64

        package init(source: UInt16, kind: MediaKind, layer: UInt8, packets: UInt64) {
            self.source = source
            self.kind = kind
            self.layer = layer
            self.packets = packets
        }
    }

    package init(
        identity: String, requestedAt: Instant, verifies: Bool = false, tracks: [TrackOutcome] = [], published: [PublishedCount] = []
    ) {
        self.identity = identity
        self.requestedAt = requestedAt
        self.verifies = verifies
        self.tracks = tracks
        self.published = published
    }
}
