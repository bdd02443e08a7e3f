import NIOCore

/// What one signalling socket may do to us.
package struct SignalLimits: Sendable {
    /// One frame, and one message of several.
    ///
    /// An offer of Chromium's has 5 kB for each section.
    package var messageBytes = 1 << 20
    /// Messages, fragments and control frames a second, once the burst is used up.
    package var rate = 50
    package var burst = 200
    /// So many messages that do not parse end the socket.
    package var unreadable = 20
    /// What waits for the session, together.
    package var waitingMessages = 256
    package var waitingBytes = 2 << 20
    /// What waits for the client to read.
    package var unwrittenFrames = 512
    package var unwrittenBytes = 2 << 20
    package var pingInterval: TimeAmount = .seconds(10)
    /// Without a byte from the client for so long, it is gone.
    package var silence: TimeAmount = .seconds(25)
    /// From our close frame to the end of the connection, at most.
    package var closeTimeout: TimeAmount = .seconds(5)

    package init() {}
}
