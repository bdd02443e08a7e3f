import Foundation
import NIOCore
import NIOWebSocket
import Signalling
import Synchronization

/// What goes to one client: written in the order of the calls, and bounded. A client that does not read loses its socket; nobody waits for it.
final class SignalOutlet: SignalSink {
    private struct State {
        var encoding: SignalFrame.Encoding
        var frames = 0
        var bytes = 0
        var isClosed = false
        /// Pings that asked whether something has been received, and what waits for the answer to the last of them.
        var questions: UInt64 = 0
        var whenReceived: (@Sendable () -> Void)?
    }

    /// Asks the socket, by way of its channel so that order is kept, to say goodbye.
    struct Closing: Sendable {
        var code: WebSocketErrorCode
        var sentence: String
    }

    private let channel: any Channel
    private let limits: SignalLimits
    private let state: Mutex<State>
    private let overflowed: @Sendable () -> Void

    /// - Parameter overflowed: called once, where the client does not read
    init(
        channel: any Channel, encoding: SignalFrame.Encoding, limits: SignalLimits, overflowed: @escaping @Sendable () -> Void
    ) {
        self.channel = channel
        self.limits = limits
        self.overflowed = overflowed
        state = Mutex(State(encoding: encoding))
    }

    /// The client is answered in what it used last.
    func answer(in encoding: SignalFrame.Encoding) { state.withLock { $0.encoding = encoding } }

    func send(_ response: SharedResponse) {
        guard let encoding = state.withLock({ $0.isClosed ? nil : $0.encoding }) else { return }
        switch response.frame(as: encoding) {
        case .binary(let data): write(WebSocketFrame(fin: true, opcode: .binary, data: ByteBuffer(bytes: data)))
        case .text(let text): write(WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: text)))
        case nil: break
        }
    }

    /// By a ping that is written behind it: its pong bears the same bytes (RFC 6455 §5.5.3).
    func whenReceived(_ then: @escaping @Sendable () -> Void) {
        let question = state.withLock {
            $0.questions += 1
            $0.whenReceived = then
            return $0.questions
        }
        write(WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer(integer: question)))
    }

    /// A pong has come; that of a ping which only keeps the connection alive is empty.
    func notePong(_ data: ByteBuffer) {
        let then = state.withLock {
            data.readableBytes == 8 && data.getInteger(at: data.readerIndex) == $0.questions ? exchange(&$0.whenReceived, with: nil) : nil
        }
        then?()
    }

    /// Frames of any kind, pongs too: a client that asks without reading fills the same bounds.
    func write(_ frame: WebSocketFrame) {
        let size = frame.length
        enum Verdict { case write, drop, overflow }
        let verdict: Verdict = state.withLock {
            if $0.isClosed { return .drop }
            // What a large room has to tell a newcomer may be longer than all that may wait.
            guard $0.frames < limits.unwrittenFrames, $0.frames == 0 || $0.bytes + size <= limits.unwrittenBytes else {
                $0.isClosed = true
                return .overflow
            }
            $0.frames += 1
            $0.bytes += size
            return .write
        }
        switch verdict {
        case .drop: break
        case .overflow:
            overflowed()
            channel.close(promise: nil)
        case .write:
            let written = channel.eventLoop.makePromise(of: Void.self)
            written.futureResult.whenComplete { [self] _ in
                state.withLock {
                    $0.frames -= 1
                    $0.bytes -= size
                }
            }
            channel.writeAndFlush(frame, promise: written)
        }
    }

    func close(_ sentence: String) { close(sentence.isEmpty ? .normalClosure : .policyViolation, sentence) }

    /// Nothing is sent any more; what was, is written first.
    func close(_ code: WebSocketErrorCode, _ sentence: String) {
        guard !state.withLock({ exchange(&$0.isClosed, with: true) }) else { return }
        channel.triggerUserOutboundEvent(Closing(code: code, sentence: sentence), promise: nil)
    }

    /// Nothing is sent any more, for the client has gone or is told by other means.
    func end() {
        state.withLock {
            $0.isClosed = true
            $0.whenReceived = nil
        }
    }
}
