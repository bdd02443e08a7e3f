import RTP

/// A track that exists in a room, as far as a viewer needs to be told of it.
package struct TrackDescription: Sendable, Hashable {
    package var codec: Codec
    /// `CodecParameters.format` of its publisher.
    package var format: String
    /// For `a=msid` and the CNAME. At most 64 characters of a token are used; others become `_`.
    package var streamID: String
    package var trackID: String

    package var kind: MediaKind { codec.kind }

    package init(codec: Codec, format: String, streamID: String, trackID: String) {
        self.codec = codec
        self.format = format
        self.streamID = streamID
        self.trackID = trackID
    }
}

/// A track on its way to one viewer.
package struct OutgoingTrack: Sendable, Hashable {
    package var track: TrackDescription
    /// Ours, and different from all others of the transport: kept for the life of the section, whichever tracks it carries. The RTX one is
    /// used where retransmissions are agreed.
    package var stream: RTPParameters.Stream

    package init(track: TrackDescription, stream: RTPParameters.Stream) {
        self.track = track
        self.stream = stream
    }
}
