import MediaPrimitives
import MediaSecurity

/// A DTLS association that is shown arbitrary datagrams before, during and after a handshake with a genuine peer.
///
/// The first byte: bit 0 makes it the client, bit 1 gives it a fingerprint that the peer does not have. The rest are steps.
enum DTLSHarness {
    static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        var input = ByteInput(input)
        let flags = input.uint8()
        guard let certificates = Certificates.shared else { throw Finding("no certificates") }
        let exchange = DTLSExchange(certificates, role: flags & 1 == 0 ? .server : .client, isTrusting: flags & 2 == 0)
        exchange.start()
        try exchange.checkOutput()
        for _ in 0..<64 where !input.isAtEnd {
            let step = input.uint8()
            switch step & 15 {
            case 0: try exchange.receive(Array(input.block()))
            case 1: try exchange.receiveRecord(type: 20 &+ (step >> 4 & 3), epoch: step >> 6, number: input.uint8(), Array(input.block()))
            case 2:
                try exchange.receiveMessage(
                    type: input.uint8(), sequence: input.uint8(), length: input.uint16(), offset: input.uint16(), Array(input.block()))
            case 3, 4: try exchange.receiveGenuine()
            case 5, 6: try exchange.receiveGenuine(changedAt: Int(input.uint16()), by: input.uint8(), isKept: step & 0x10 != 0)
            case 7: try exchange.receiveGenuine(cutTo: Int(input.uint16()))
            case 8: exchange.deliverToPeer()
            case 9: try exchange.wait(.milliseconds(Int64(input.uint16())))
            case 10, 11: try exchange.finish()
            case 12, 13: try exchange.receiveFromPeer(Array(input.take(Int(input.uint8()))))
            case 14: try exchange.send(Array(input.take(Int(input.uint8()))))
            default: try exchange.close(byPeer: step & 0x10 != 0)
            }
        }
        try PlantedBug.check(exchange.lastApplicationRecord?.span.bytes.uint32(at: 0))
    }
}

/// Making a certificate takes longer than a thousand inputs.
struct Certificates: Sendable {
    let ours: Certificate
    let theirs: Certificate

    static let shared: Certificates? = {
        do throws(MediaSecurityError) {
            return Certificates(ours: try .generate(), theirs: try .generate())
        } catch { return nil }
    }()
}
