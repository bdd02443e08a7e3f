import Forwarding
import MediaPrimitives
import RTP
import Testing

@Suite("Encodings")
struct EncodingTests {
    @Test("An encoding whose stream is not known yet has nobody to ask: a wanted keyframe is not due before its first packet")
    func keyframeBeforeTheFirstPacket() {
        let encoding = Encoding(layer: 0, rid: nil, parameters: .video)
        encoding.keyframes.want(at: at(0))
        #expect(encoding.nextDeadline == .distantFuture)
        encoding.bind(SSRC(1))
        #expect(encoding.nextDeadline == at(0))
    }
}
