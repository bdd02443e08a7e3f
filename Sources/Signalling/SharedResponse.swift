import Synchronization

/// One response for many clients: written once in each encoding that any of them uses.
package final class SharedResponse: Sendable {
    package let response: Livekit_SignalResponse
    private let frames = Mutex<(binary: SignalFrame?, text: SignalFrame?)>((nil, nil))

    package init(_ response: Livekit_SignalResponse) { self.response = response }

    /// Nil for what cannot be written (a float that is no number, in JSON): nothing that a client could use.
    package func frame(as encoding: SignalFrame.Encoding) -> SignalFrame? {
        frames.withLock { frames in
            switch encoding {
            case .binary:
                if frames.binary == nil { frames.binary = try? SignalFrame(response, as: .binary) }
                return frames.binary
            case .text:
                if frames.text == nil { frames.text = try? SignalFrame(response, as: .text) }
                return frames.text
            }
        }
    }
}
