import RTP

/// A track that exists in a room, as far as an answer to a viewer needs to know it.
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
