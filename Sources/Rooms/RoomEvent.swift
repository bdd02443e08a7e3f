/// What a worker tells the control plane.
///
/// The stream of events is not cut short when its reader is slow, as no participant's end may be missed. What bounds it: for each participant one
/// `connected` and one `closed`, one `quality` in five seconds, for each of its tracks one `speaking` in 400 ms, for each room one `dominant` in
/// 300 ms, each of the latter three only for a change, and two of `demand` for each layer of its tracks in four seconds.
package enum RoomEvent: Sendable {
    /// ICE and DTLS are up; media may flow.
    case connected(ParticipantID)
    /// The participant is gone and its id is free of meaning; the reason is a sentence.
    case closed(ParticipantID, reason: String)
    /// How loud a track is, in eighths of full scale, where it has changed; 0 when nobody speaks on it, or it has ended.
    case speaking(ParticipantID, track: TrackID, level: UInt8)
    /// Who has the floor in their room, where it is somebody else than before, and by which track.
    case dominant(ParticipantID, track: TrackID)
    /// The participant is not sent `track` for now, as there is no room for it, or is sent it again.
    case paused(ParticipantID, track: TrackID, isPaused: Bool)
    /// So many layers of the participant's `track`, from the lowest, are watched by somebody, or may be soon; the others need not be sent.
    case demand(ParticipantID, track: TrackID, layers: Int)
    /// How good the participant's connection is, where it has changed.
    case quality(ParticipantID, LinkQuality)
}
