import HTTPTypes
import Signalling

/// Where a room's responses to one client go. Never blocks.
package protocol SignalSink: AnyObject, Sendable {
    func send(_ response: SharedResponse)
    /// Calls `then` once the client has received what was sent until now; never where it is asked again before that, or the socket ends.
    func whenReceived(_ then: @escaping @Sendable () -> Void)
    /// After what was sent has been written. What the client has done wrong, or is refused, is said in a sentence; none where nothing is.
    func close(_ sentence: String)
}

extension SignalSink {
    package func close() { close("") }

    package func send(_ response: Livekit_SignalResponse) { send(SharedResponse(response)) }
}

/// One joined client, as its socket sees it.
package protocol SignalSession: Sendable {
    /// Called for one request after the other, in the order in which they came.
    func receive(_ request: Livekit_SignalRequest) async
    /// The socket is gone, for whatever reason; called exactly once.
    func ended() async
}

/// Whoever has the rooms.
package protocol SignalHost: Sendable {
    /// The checks before an upgrade that the token alone does not answer (room full, draining); the same for validate.
    func admit(_ token: AccessToken, room: String, _ parameters: JoinParameters) async throws(Refusal)
    /// Joins; nil where that failed after all: the sink has been told and closed.
    func join(_ token: AccessToken, room: String, _ parameters: JoinParameters, sink: any SignalSink) async -> (any SignalSession)?
}
