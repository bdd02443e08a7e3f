import ICE
import MediaPrimitives
import Testing

@Suite struct STUNMessageTests {
    @Test("the sample request of RFC 5769 is read and authenticated")
    func sampleRequest() throws {
        let packet = STUNVectors.request
        let message = try #require(packet.stun())
        #expect(message.messageClass == .request)
        #expect(message.method == STUNMessage.bindingMethod)
        #expect(message.transactionID == STUNTransactionID(high: 0xb7e7_a701, low: 0xbc34_d686_fa87_dfae))
        #expect(message.username.map { Array(packet[$0]) } == Array("evtj:h6vY".utf8))
        #expect(message.priority == 0x6e00_01ff)
        #expect(message.role == .controlled(0x932f_f9b1_5126_3b36))
        #expect(!message.useCandidate)
        #expect(message.unknownRequiredCount == 0)
        #expect(packet.hasValidFingerprint() == true)
        #expect(packet.isAuthentic(MessageIntegrityKey(password: STUNVectors.password)))
        #expect(!packet.isAuthentic(MessageIntegrityKey(password: STUNVectors.password + "x")))
        #expect(STUNMessage.localUfrag(of: packet.span.bytes) == UfragKey("evtj"))
        #expect(UfragKey("evtj") != UfragKey("evtk"))
    }

    @Test(
        "the sample responses of RFC 5769 are read and authenticated",
        arguments: [
            (STUNVectors.responseIPv4, "192.0.2.1"), (STUNVectors.responseIPv6, "2001:db8:1234:5678:11:2233:4455:6677"),
        ])
    func sampleResponses(packet: [UInt8], host: String) throws {
        let message = try #require(packet.stun())
        #expect(message.messageClass == .success)
        #expect(message.xorMappedAddress == SocketAddress(host: host, port: 32853))
        #expect(packet.hasValidFingerprint() == true)
        #expect(packet.isAuthentic(MessageIntegrityKey(password: STUNVectors.password)))
        #expect(STUNMessage.localUfrag(of: packet.span.bytes) == nil, "a response is for nobody in particular")
    }

    @Test("one key authenticates many messages")
    func keyIsReusable() {
        let key = MessageIntegrityKey(password: STUNVectors.password)
        for _ in 0..<3 {
            #expect(STUNVectors.request.isAuthentic(key))
            #expect(STUNVectors.responseIPv6.isAuthentic(key))
        }
        #expect(!STUNVectors.request.isAuthentic(MessageIntegrityKey(password: "")))
    }
}
