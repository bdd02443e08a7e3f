/// What a client has with the server besides its media.
protocol LoadSession: Sendable {
    /// Takes leave; returns when the server has been told.
    func end() async
}
