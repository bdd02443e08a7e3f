import Glibc
import HeadlessClients
import ICE
import MediaPrimitives
import MediaSecurity
import RTP
import Simulation
import TestSockets

/// A client on a real socket of loopback, made from the production modules.
final class LoopbackClient {
    /// What it sends and receives: sound, whose every packet is a place to begin.
    static let codec = CodecParameters(codec: .opus, payloadType: 111, nack: true)
    static let extensions: HeaderExtensionMap = {
        var map = HeaderExtensionMap()
        for (kind, id) in [(HeaderExtension.mid, 4), (.absSendTime, 2), (.transportCC, 3)] { map[kind] = UInt8(id) }
        return map
    }()

    let transport: ClientTransport
    /// The sequence numbers of the RTP packets that it got.
    private(set) var received: [UInt16] = []
    /// How many datagrams it got, those among them that it had before.
    private(set) var datagrams = 0
    private let socket: BlockingSocket
    private let server: SocketAddress
    private let batch = DatagramBatch(capacity: 64)
    private var sequence: UInt16 = 100

    init(_ parameters: TransportParameters, certificate: Certificate, server: SocketAddress) throws {
        socket = try BlockingSocket(udp: .v4())
        self.server = server
        var patience = timeval(tv_sec: 0, tv_usec: 5_000)
        setsockopt(socket.descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        transport = ClientTransport(
            parameters, certificate: certificate, profiles: SRTPProfile.allCases, path: Path(local: socket.address, remote: server),
            extensions: LoopbackClient.extensions, at: LoopbackClient.now, entropy: .system())
    }

    static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Goes on until `condition` holds; false if it did not within `limit`.
    func run(for limit: Interval = .seconds(5), until condition: () -> Bool = { false }) -> Bool {
        let end = LoopbackClient.now + limit
        while !condition() {
            let now = LoopbackClient.now
            guard now < end else { return false }
            if transport.nextDeadline <= now { transport.handleTimeout(at: now, into: batch) }
            flush()
            guard var datagram = socket.receive() else { continue }
            datagrams += 1
            datagram.bytes.withUnsafeMutableBytes { bytes in
                let path = Path(local: socket.address, remote: datagram.from)
                if case .rtp = transport.receive(bytes, from: path, at: LoopbackClient.now, into: batch),
                    let header = RTPHeader.parse(UnsafeRawBufferPointer(bytes).bytes)
                {
                    received.append(header.sequenceNumber.rawValue)
                }
            }
        }
        return true
    }

    /// Sends the next packet of sound.
    func speak(bytes: Int = 4) {
        var header = OutgoingHeader(
            payloadType: 111, marker: false, sequenceNumber: SequenceNumber(sequence), timestamp: UInt32(sequence) &* 960, ssrc: SSRC(77))
        header.mid = ShortText("0") ?? ShortText()
        sequence &+= 1
        transport.sendRTP(header, payload: Array(repeating: 1, count: bytes), at: LoopbackClient.now, into: batch)
        flush()
    }

    /// Asks for a packet of sound again.
    func ask(for number: UInt16, of ssrc: SSRC) {
        let wanted = [SequenceNumber(number)]
        transport.sendRTCP(into: batch) { _ = Nack.write(into: &$0, sender: SSRC(1), media: ssrc, sequences: wanted.span) }
        flush()
    }

    private func flush() {
        for index in 0..<batch.count { socket.send(Array(batch.bytes(index)), to: server) }
        batch.removeAll()
    }
}
