import Server
import Signalling
import Testing

/// A socket that remembers what it was given, and objects to what no client would bear.
final class FakeSink: SignalSink {
    struct Memory: Sendable {
        var responses: [Livekit_SignalResponse] = []
        /// Apart from the others: they come when a second is over, whatever the test does in it.
        var roomUpdates: [Livekit_Room] = []
        /// What was said at the end.
        var goodbye: String?
        var isClosed: Bool { goodbye != nil }
        /// Whether what is sent arrives at once, and what waits for that where it does not.
        var arrives = true
        var whenReceived: (@Sendable () -> Void)?
        var rules = ClientRules()
    }

    let memory = Recorder(Memory())

    func send(_ shared: SharedResponse) {
        let response = shared.response
        let broken = memory.record { memory in
            if case .roomUpdate(let update)? = response.message {
                memory.roomUpdates.append(update.room)
            } else {
                memory.responses.append(response)
            }
            return memory.rules.objections(to: response) + (memory.isClosed ? ["Something follows the end."] : [])
        }
        for sentence in broken { Issue.record("\(sentence) \(response)") }
    }

    func whenReceived(_ then: @escaping @Sendable () -> Void) {
        let arrives = memory.record { memory in
            memory.whenReceived = memory.arrives ? nil : then
            return memory.arrives
        }
        if arrives { then() }
    }

    /// Everything sent so far has been received.
    func arrive() { memory.record { exchange(&$0.whenReceived, with: nil) }?() }

    func close(_ sentence: String) { memory.record { $0.goodbye = sentence } }
}
