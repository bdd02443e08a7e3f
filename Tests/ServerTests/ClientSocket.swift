import Foundation

/// A plain client socket, non-blocking, closed when it is let go.
final class ClientSocket {
    private let descriptor: Int32

    struct Failure: Error {}

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard status == 0, fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { throw Failure() }
    }

    deinit { close(descriptor) }

    /// Sends until all has gone, or the far end takes no more.
    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        var patience = 500
        while !rest.isEmpty, patience > 0 {
            let sent = rest.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent > 0 {
                rest = rest.dropFirst(sent)
            } else if errno == EAGAIN {
                usleep(2_000)
                patience -= 1
            } else {
                return
            }
        }
    }

    /// Nothing more will be sent.
    func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

    func read(seconds: Double) async -> (answer: String, closed: Bool) {
        var answer: [UInt8] = []
        let closed = await read(seconds: seconds) {
            answer += $0
            return false
        }
        return (String(decoding: answer, as: UTF8.self), closed)
    }

    /// Reads until `enough` says so, the far end closes, or `seconds` have passed; true where it was closed.
    func read(seconds: Double, until enough: ([UInt8]) -> Bool) async -> Bool {
        var buffer = Array(repeating: UInt8(0), count: 65_536)
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                if enough(Array(buffer[..<count])) { return false }
            } else if count == 0 || errno != EAGAIN {
                return true
            } else {
                try? await Task.sleep(for: .milliseconds(5))
            }
        }
        return false
    }
}
