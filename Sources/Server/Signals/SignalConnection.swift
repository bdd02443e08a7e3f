import Logging
import NIOCore
import NIOWebSocket
import Signalling
import Synchronization

/// What has come from a client and waits for its session; bounded.
final class SignalInbox: Sendable {
    let frames: AsyncStream<SignalFrame>
    private let continuation: AsyncStream<SignalFrame>.Continuation
    private let waiting = Mutex((messages: 0, bytes: 0))
    private let limits: SignalLimits

    init(limits: SignalLimits) {
        self.limits = limits
        (frames, continuation) = AsyncStream.makeStream()
    }

    /// False where too much waits already.
    func put(_ frame: SignalFrame) -> Bool {
        let size = frame.size
        let fits = waiting.withLock {
            guard $0.messages < limits.waitingMessages, $0.bytes + size <= limits.waitingBytes else { return false }
            $0.messages += 1
            $0.bytes += size
            return true
        }
        if fits { continuation.yield(frame) }
        return fits
    }

    func taken(_ frame: SignalFrame) {
        waiting.withLock {
            $0.messages -= 1
            $0.bytes -= frame.size
        }
    }

    /// What has come is still delivered.
    func finish() { continuation.finish() }
}

extension SignalFrame {
    fileprivate var size: Int {
        switch self {
        case .binary(let data): data.count
        case .text(let text): text.utf8.count
        }
    }
}

/// Log lines of one socket. The query it came with is in none of them: it holds a token.
struct SignalLog: Sendable {
    let logger: Logger
    let metadata: Logger.Metadata

    init(_ logger: Logger, _ admission: SignalAdmission) {
        self.logger = logger
        metadata = ["room": "\(admission.room.printable)", "identity": "\((admission.token.identity ?? "").printable)"]
    }

    func closing(_ code: WebSocketErrorCode, _ sentence: String) {
        guard code != .normalClosure else { return }
        logger.info("A signalling socket is closed.", metadata: metadata.merging(["reason": "\(sentence)"]) { $1 })
    }
}

/// How many sockets are open.
package final class SignalSocketCount: Sendable {
    private let open = Atomic(0)
    package init() {}
    package var current: Int { open.load(ordering: .relaxed) }
    func opened() { open.add(1, ordering: .relaxed) }
    func closed() { open.subtract(1, ordering: .relaxed) }
}

/// A socket that is open, from its first request to its end.
struct SignalConnection: Sendable {
    let channel: any Channel
    let admission: SignalAdmission
    let inbox: SignalInbox
    let outlet: SignalOutlet
    let limits: SignalLimits

    /// Joins, hands on one request after the other, and returns when the connection is closed.
    func run(_ host: any SignalHost) async {
        await withTaskCancellationHandler {
            if let session = await host.join(admission.token, room: admission.room, admission.parameters, sink: outlet) {
                await serve(session)
                await session.ended()
            }
            outlet.close()
            try? await channel.closeFuture.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    private func serve(_ session: any SignalSession) async {
        var unreadable = 0
        for await frame in inbox.frames {
            if let request = try? frame.request() {
                outlet.answer(in: frame.encoding)
                // A message that is newer than we are has nothing in it that we know.
                if request.message != nil { await session.receive(request) }
            } else {
                unreadable += 1
                if unreadable == limits.unreadable {
                    outlet.close(.policyViolation, "Too many messages are no signal requests.")
                    inbox.finish()
                }
            }
            inbox.taken(frame)
        }
    }
}
