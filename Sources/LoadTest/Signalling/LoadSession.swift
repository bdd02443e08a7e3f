import Signalling

/// What a client has with the server besides its media.
protocol LoadSession: Sendable {
    /// Takes leave; returns when the server has been told, false if it was not there any more.
    @discardableResult
    func end() async -> Bool
    /// Tells the server that all it sends is muted, or is not; by HTTP nobody is told.
    func mute(_ muted: Bool) async
    /// Asks for this quality of the tracks with these names.
    func wish(_ quality: Livekit_VideoQuality, of tracks: [String]) async
}
