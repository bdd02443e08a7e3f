import Foundation
import NIOCore
import NIOWebSocket
import Signalling

/// Puts a client's fragments together (RFC 6455 §5.4), copying them, so that a message costs its own length and no read buffer stays alive.
struct MessageAssembler {
    /// Why the connection must end.
    struct Failure: Error, Equatable {
        var code: WebSocketErrorCode
        var sentence: String
    }

    private let limit: Int
    private var opcode: WebSocketOpcode?
    private var bytes = ByteBuffer()

    /// - Parameter limit: bytes of a message
    init(limit: Int) { self.limit = limit }

    /// Takes a data or continuation frame; a message where it was the last of one.
    mutating func add(_ frame: WebSocketFrame) throws(Failure) -> SignalFrame? {
        if frame.opcode == .continuation {
            guard opcode != nil else { throw Failure(code: .protocolError, sentence: "A continuation continues nothing.") }
        } else {
            guard opcode == nil else { throw Failure(code: .protocolError, sentence: "A message began within another.") }
            opcode = frame.opcode
        }
        var part = frame.unmaskedData
        guard bytes.readableBytes + part.readableBytes <= limit else {
            throw Failure(code: .messageTooLarge, sentence: "A message may have \(limit) bytes at most.")
        }
        bytes.writeBuffer(&part)
        guard frame.fin else { return nil }
        defer {
            opcode = nil
            bytes = ByteBuffer()
        }
        guard opcode == .text else { return .binary(Data(bytes.readableBytesView)) }
        guard let text = String(validating: bytes.readableBytesView, as: UTF8.self) else {
            throw Failure(code: .dataInconsistentWithMessage, sentence: "A text message is not UTF-8.")
        }
        return .text(text)
    }
}
