import ICE
import MediaPrimitives
import Testing

@Suite struct STUNMessageTests {
    @Test("a user fragment names its worker by its first character")
    func worker() {
        let entropy = Entropy.seeded(4)
        for worker in 0..<ICECredentials.maximumWorkers {
            let credentials = ICECredentials.random(entropy, worker: worker)
            #expect(credentials.ufrag.utf8.count == 8 && credentials.password.utf8.count == 24)
            #expect(UfragKey(credentials.ufrag)?.worker == worker)
        }
        #expect(UfragKey("-abc")?.worker == nil)
    }

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

    /// One message of `messageClass` as `body` fills it.
    static func write(
        _ messageClass: STUNMessage.Class, key: MessageIntegrityKey? = nil, method: UInt16 = STUNMessage.bindingMethod,
        id: STUNTransactionID = STUNTransactionID(high: 1, low: 2), _ body: (inout STUNWriter) -> Void
    ) -> [UInt8]? {
        let bytes = [UInt8](unsafeUninitializedCapacity: 1500) { buffer, count in
            var writer = STUNWriter(UnsafeMutableRawBufferPointer(buffer), messageClass, method: method, transactionID: id)
            body(&writer)
            count = writer.finish(key: key)
        }
        return bytes.isEmpty ? nil : bytes
    }

    @Test(
        "what is written is read back",
        arguments: [STUNMessage.Class.request, .indication, .success, .error],
        [SocketAddress(ipv4: 0xc000_0201, port: 0xffff), SocketAddress(high: 0x2001_0db8 << 32, low: 1, port: 0)])
    func roundTrip(messageClass: STUNMessage.Class, address: SocketAddress) throws {
        let key = MessageIntegrityKey(password: "some password of 26 letters")
        let id = STUNTransactionID(high: .max, low: 0x8000_0000_0000_0001)
        for method: UInt16 in [1, 3, 0x70, 0xfff] {
            let packet = try #require(
                STUNMessageTests.write(messageClass, key: key, method: method, id: id) {
                    $0.username(Array("abcd:efghi".utf8))
                    $0.priority(.max)
                    $0.role(.controlling(.max))
                    $0.useCandidate()
                    $0.xorMappedAddress(address)
                    $0.errorCode(487)
                })
            let message = try #require(packet.stun())
            #expect(message.messageClass == messageClass)
            #expect(message.method == method)
            #expect(message.transactionID == id)
            #expect(message.username.map { Array(packet[$0]) } == Array("abcd:efghi".utf8))
            #expect(message.priority == .max)
            #expect(message.role == .controlling(.max))
            #expect(message.useCandidate)
            #expect(message.xorMappedAddress == address)
            #expect(message.errorCode == 487)
            #expect(packet.hasValidFingerprint() == true)
            #expect(packet.isAuthentic(key))
        }
    }

    @Test("a message that does not fit is not written, at any size")
    func tooLittleRoom() throws {
        let key = MessageIntegrityKey(password: "some password of 26 letters")
        let whole = try #require(STUNMessageTests.write(.success, key: key) { $0.xorMappedAddress(SocketAddress(ipv4: 1, port: 2)) })
        for size in 0...whole.count {
            var memory = [UInt8](repeating: 0xaa, count: whole.count + 8)
            let length = memory.withUnsafeMutableBytes { memory in
                var writer = STUNWriter(
                    UnsafeMutableRawBufferPointer(rebasing: memory[0..<size]), .success, transactionID: STUNTransactionID(high: 1, low: 2))
                writer.xorMappedAddress(SocketAddress(ipv4: 1, port: 2))
                return writer.finish(key: key)
            }
            #expect(length == (size == whole.count ? whole.count : 0))
            #expect(memory[size...].allSatisfy { $0 == 0xaa })
        }
    }

    @Test("UNKNOWN-ATTRIBUTES names what was not understood")
    func unknownAttributes() throws {
        let request = try #require(
            STUNMessageTests.write(.request) {
                $0.attribute(0x7ff0, [1])
                $0.attribute(0x7ff1, [])
                $0.attribute(0x7ff2, [1, 2, 3, 4])
            })
        let message = try #require(request.stun())
        let answer = try #require(
            STUNMessageTests.write(.error) {
                $0.errorCode(420)
                $0.unknownAttributes(of: message)
            })
        #expect(answer.stunAttribute(0x000a) == [0x7f, 0xf0, 0x7f, 0xf1, 0x7f, 0xf2])
        #expect(answer.stun()?.errorCode == 420)
    }
}
