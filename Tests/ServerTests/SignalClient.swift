import Foundation
import Signalling
import SwiftProtobuf

/// A WebSocket client that does as it is told, well or badly (RFC 6455).
final class SignalClient {
    enum Opcode: UInt8 { case continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 }

    struct Frame: Equatable {
        var opcode: UInt8
        var payload: [UInt8]

        /// Of a close frame.
        var code: Int? { opcode == 8 && payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : nil }
        var response: Livekit_SignalResponse? {
            opcode == 2 ? try? Livekit_SignalResponse(serializedBytes: Data(payload)) : nil
        }
        var text: String? { opcode == 1 ? String(decoding: payload, as: UTF8.self) : nil }
    }

    let socket: ClientSocket
    private var received: [UInt8] = []
    private(set) var isClosed = false
    /// The answer to the request for an upgrade, and its body where it was refused.
    private(set) var head = ""
    private(set) var body = ""

    var status: Int { head.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0 }

    init(port: UInt16) throws { socket = try ClientSocket(port: port) }

    /// Asks for an upgrade; frames may be sent with it.
    func open(_ target: String, headers: [String] = [], with eager: [UInt8] = [], key: String = "dGhlIHNhbXBsZSBub25jZQ==") async {
        let lines =
            ["GET \(target) HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
            + ["Sec-WebSocket-Key: \(key)"] + headers
        socket.send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + eager)
        await answer()
    }

    private func answer() async {
        let end = Array("\r\n\r\n".utf8)
        isClosed = await socket.read(seconds: 5) {
            received += $0
            return received.firstRange(of: end) != nil
        }
        guard let range = received.firstRange(of: end) else { return }
        head = String(decoding: received[..<range.lowerBound], as: UTF8.self)
        received.removeSubrange(..<range.upperBound)
        if status != 101 {
            isClosed = await socket.read(seconds: 5) {
                received += $0
                return false
            }
            body = String(decoding: received, as: UTF8.self)
        }
    }

    static func frame(_ opcode: UInt8, _ payload: [UInt8], fin: Bool = true, masked: Bool = true, reserved: UInt8 = 0) -> [UInt8] {
        var bytes: [UInt8] = [(fin ? 0x80 : 0) | reserved | opcode]
        let flag: UInt8 = masked ? 0x80 : 0
        switch payload.count {
        case ..<126: bytes.append(flag | UInt8(payload.count))
        case ..<65_536: bytes += [flag | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default: bytes += [flag | 127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        let key: [UInt8] = [1, 2, 3, 4]
        return masked ? bytes + key + payload.enumerated().map { $1 ^ key[$0 & 3] } : bytes + payload
    }

    func send(_ opcode: Opcode, _ payload: [UInt8], fin: Bool = true) { socket.send(Self.frame(opcode.rawValue, payload, fin: fin)) }

    func send(_ request: Livekit_SignalRequest) throws { send(.binary, Array(try request.serializedData())) }

    /// The next frame, or nil once the far end has closed or `seconds` have passed. Pings are left out unless they are wanted.
    func next(seconds: Double = 5, pings: Bool = false) async -> Frame? {
        let end = ContinuousClock.now + .seconds(seconds)
        while true {
            if let frame = take() {
                if frame.opcode == 9, !pings { continue }
                return frame
            }
            guard !isClosed, ContinuousClock.now < end else { return nil }
            isClosed = await socket.read(seconds: seconds) {
                received += $0
                return true
            }
        }
    }

    /// Reads on until a close frame; its code.
    func closeCode(seconds: Double = 5) async -> Int? {
        while let frame = await next(seconds: seconds) { if let code = frame.code { return code } }
        return nil
    }

    private func take() -> Frame? {
        guard received.count >= 2 else { return nil }
        var length = Int(received[1] & 0x7f)
        var start = 2
        if length == 126 {
            guard received.count >= 4 else { return nil }
            length = Int(received[2]) << 8 | Int(received[3])
            start = 4
        } else if length == 127 {
            guard received.count >= 10 else { return nil }
            length = received[2..<10].reduce(0) { $0 << 8 | Int($1) }
            start = 10
        }
        guard received.count >= start + length else { return nil }
        let frame = Frame(opcode: received[0] & 15, payload: Array(received[start..<start + length]))
        received.removeFirst(start + length)
        return frame
    }
}
