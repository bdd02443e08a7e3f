import NIOCore
import NIOWebSocket
import Signalling

/// One signalling socket on its event loop (RFC 6455): checks what comes, keeps the connection alive, and ends it in order.
///
/// What ends a socket goes through `goodbye` where the client can still be told, with a deadline; the channel's closing is the end in any case.
final class SignalSocket: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let inbox: SignalInbox
    private let outlet: SignalOutlet
    private let limits: SignalLimits
    private let log: SignalLog
    private var assembler: MessageAssembler
    private var allowance: RateAllowance
    private var lastHeard = NIODeadline.now()
    private var ping: Scheduled<Void>?
    private var deadline: Scheduled<Void>?
    private var isClosing = false
    /// Of a close frame, bytes: a control frame has 125, the code two of them (RFC 6455 §5.5).
    private static let longestReason = 123

    init(inbox: SignalInbox, outlet: SignalOutlet, limits: SignalLimits, log: SignalLog) {
        self.inbox = inbox
        self.outlet = outlet
        self.limits = limits
        self.log = log
        assembler = MessageAssembler(limit: limits.messageBytes)
        allowance = RateAllowance(rate: limits.rate, burst: limits.burst)
    }

    func handlerAdded(context: ChannelHandlerContext) { armPing(context) }

    func handlerRemoved(context: ChannelHandlerContext) {
        finish()
        deadline?.cancel()
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish()
        deadline?.cancel()
        context.fireChannelInactive()
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        let now = NIODeadline.now()
        lastHeard = now
        guard !isClosing else {
            // Ours is out; theirs completes the handshake.
            if frame.opcode == .connectionClose { context.close(promise: nil) }
            return
        }
        guard frame.maskKey != nil else { return goodbye(context, .protocolError, "Frames of clients must be masked.") }
        guard frame.reservedBits.isEmpty else { return goodbye(context, .protocolError, "No extension was agreed upon.") }
        guard allowance.take(at: now) else {
            return goodbye(context, .policyViolation, "Messages come faster than \(limits.rate) a second.")
        }
        switch frame.opcode {
        case .text, .binary, .continuation: message(frame, context)
        case .ping: outlet.write(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData))
        case .pong: outlet.notePong(frame.unmaskedData)
        case .connectionClose: farewell(frame, context)
        default: goodbye(context, .protocolError, "The frame's opcode is not one of RFC 6455's.")
        }
    }

    private func message(_ frame: WebSocketFrame, _ context: ChannelHandlerContext) {
        let message: SignalFrame?
        do { message = try assembler.add(frame) } catch { return goodbye(context, error.code, error.sentence) }
        guard let message else { return }
        guard inbox.put(message) else {
            return goodbye(context, .policyViolation, "Messages come faster than they can be obeyed.")
        }
    }

    /// The client ends it: with its own code back, or with 1002 where its frame is malformed (RFC 6455 §5.5.1).
    private func farewell(_ frame: WebSocketFrame, _ context: ChannelHandlerContext) {
        var body = frame.unmaskedData
        guard body.readableBytes != 1 else { return goodbye(context, .protocolError, "The close frame is malformed.") }
        let code = body.readWebSocketErrorCode()
        isClosing = true
        finish()
        var reply = ByteBuffer()
        if let code { reply.write(webSocketErrorCode: code) }
        arm(context, limits.closeTimeout)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: .connectionClose, data: reply)))
            .whenComplete { _ in channel.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error as? NIOWebSocketError {
        case .invalidFrameLength: goodbye(context, .messageTooLarge, "A frame may have \(limits.messageBytes) bytes at most.")
        case .fragmentedControlFrame, .multiByteControlFrameLength:
            goodbye(context, .protocolError, "A control frame must be whole and short.")
        case nil:
            // The connection is broken.
            context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            // Rooms have had their time to take leave.
            goodbye(context, .goingAway, "The server is stopping.", within: min(limits.closeTimeout, .seconds(1)))
        } else if event as? ChannelEvent == .inputClosed {
            // Half a connection carries no signalling.
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: Ending

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let closing = event as? SignalOutlet.Closing else {
            return context.triggerUserOutboundEvent(event, promise: promise)
        }
        goodbye(context, closing.code, closing.sentence)
        promise?.succeed()
    }

    /// Sends our close frame behind all that was sent, and waits for the client's, not forever.
    private func goodbye(
        _ context: ChannelHandlerContext, _ code: WebSocketErrorCode, _ sentence: String, within time: TimeAmount? = nil
    ) {
        finish()
        arm(context, time ?? limits.closeTimeout)
        guard !isClosing else { return }
        isClosing = true
        log.closing(code, sentence)
        var body = ByteBuffer()
        body.write(webSocketErrorCode: code)
        body.writeString(sentence.prefix(bytes: Self.longestReason))
        context.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: .connectionClose, data: body)), promise: nil)
    }

    private func arm(_ context: ChannelHandlerContext, _ time: TimeAmount) {
        deadline?.cancel()
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }

    private func finish() {
        ping?.cancel()
        ping = nil
        outlet.end()
        inbox.finish()
    }

    private func armPing(_ context: ChannelHandlerContext) {
        ping = context.eventLoop.assumeIsolated().scheduleTask(in: limits.pingInterval) { [weak self] in self?.keepAlive(context) }
    }

    private func keepAlive(_ context: ChannelHandlerContext) {
        guard NIODeadline.now() - lastHeard < limits.silence else {
            log.closing(.goingAway, "Nothing has come from the client for too long.")
            context.close(promise: nil)
            return
        }
        outlet.write(WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer()))
        armPing(context)
    }
}
