import Server
import Signalling
import Testing

/// A socket that remembers what it was given, and objects to what no client would bear.
final class FakeSink: SignalSink {
    struct Memory: Sendable {
        var responses: [Livekit_SignalResponse] = []
        var isClosed = false
        var rules = ClientRules()
    }

    let memory = Recorder(Memory())

    func send(_ shared: SharedResponse) {
        let response = shared.response
        let broken = memory.record { memory in
            memory.responses.append(response)
            return memory.rules.objections(to: response) + (memory.isClosed ? ["Something follows the end."] : [])
        }
        for sentence in broken { Issue.record("\(sentence) \(response)") }
    }

    func close() { memory.record { $0.isClosed = true } }
}
