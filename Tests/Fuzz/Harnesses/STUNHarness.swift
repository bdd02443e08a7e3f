import ICE
import MediaPrimitives

/// STUN messages, as they come and as a peer with the right password would sign them.
enum STUNHarness {
    static let local = ICECredentials(ufrag: "SRVRfrag", password: "server-password-of-24-chs")
    static let remote = ICECredentials(ufrag: "clnt", password: "client-password-of-24-chs")
    private static let path = Path(
        local: SocketAddress(ipv4: 0x0a00_0001, port: 7882), remote: SocketAddress(ipv4: 0x0a00_0002, port: 5000))
    private static let now = Instant(nanoseconds: 1_000_000_000)

    static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        guard let first = input.first else { return }
        if first & 0xc0 == 0 {
            try parse(input)
            try receiveUnsigned(input)
        } else {
            try receiveSigned(UnsafeRawBufferPointer(rebasing: input.dropFirst()), isForController: first & 1 == 1)
        }
    }

    // MARK: The codec

    private static func parse(_ input: UnsafeRawBufferPointer) throws(Finding) {
        let packet = input.bytes
        _ = STUNMessage.localUfrag(of: packet)
        for type: UInt16 in [0x0006, 0x0008, 0x0009, 0x8028] {
            if let value = STUNMessage.attribute(type, in: packet) { try expect(packet.contains(value), "an attribute lies outside") }
        }
        guard let message = STUNMessage(packet) else { return }
        for range in [message.username, message.integrity] {
            if let range { try expect(packet.contains(range), "a range lies outside of the packet") }
        }
        try expect((0...8).contains(message.unknownRequiredCount), "more unknown attributes than are kept")
        if let code = message.errorCode { try expect((300...699).contains(code), "error code \(code)") }
        _ = message.isFingerprintValid(in: packet)
        let isAuthentic = message.isAuthentic(in: packet, key: MessageIntegrityKey(password: local.password))
        try expect(!isAuthentic || message.integrity != nil, "authentic without MESSAGE-INTEGRITY")
        try rewrite(message, packet)
        if message.integrity != nil { try PlantedBug.check(message.priority) }
    }

    /// What has been read, written again and read again, is the same.
    private static func rewrite(_ message: STUNMessage, _ packet: RawSpan) throws(Finding) {
        let username = message.username.map { packet.array($0) }
        var length = 0
        let key = MessageIntegrityKey(password: local.password)
        let written = [UInt8](unsafeUninitializedCapacity: 1_600) { memory, count in
            var writer = STUNWriter(
                UnsafeMutableRawBufferPointer(memory), message.messageClass, method: message.method, transactionID: message.transactionID)
            if let username { writer.username(username) }
            if let priority = message.priority { writer.priority(priority) }
            if message.useCandidate { writer.useCandidate() }
            if let role = message.role { writer.role(role) }
            if let address = message.xorMappedAddress { writer.xorMappedAddress(address) }
            if let code = message.errorCode { writer.errorCode(code) }
            length = writer.finish(key: key)
            count = length
        }
        let again = written.span.bytes
        guard let copy = STUNMessage(again) else { throw Finding("a message of our own does not parse") }
        try expect(
            copy.messageClass == message.messageClass && copy.method == message.method && copy.transactionID == message.transactionID,
            "the header changed")
        try expect(copy.username.map { again.array($0) } == username, "USERNAME changed")
        try expect(
            copy.priority == message.priority && copy.useCandidate == message.useCandidate && copy.role == message.role,
            "an attribute of ICE changed")
        try expect(copy.errorCode == message.errorCode, "ERROR-CODE changed")
        // An IPv6 address of the mapped form is written as the IPv4 address that it is.
        try expect(copy.xorMappedAddress == message.xorMappedAddress, "XOR-MAPPED-ADDRESS changed")
        try expect(copy.isFingerprintValid(in: again) == true && copy.isAuthentic(in: again, key: key), "our own signature is wrong")
    }

    // MARK: Agents

    /// Nobody without the password changes anything, or gets an answer.
    private static func receiveUnsigned(_ input: UnsafeRawBufferPointer) throws(Finding) {
        let agent = ICEAgent(local: local, remote: remote, at: now, entropy: .seeded(1))
        let batch = DatagramBatch(capacity: 4)
        if case .dropped = agent.receive(input.bytes, from: path, at: now, into: batch) {
        } else {
            // A seed is a check signed with these credentials, so that mutation starts near the truth.
            guard let message = STUNMessage(input.bytes), message.messageClass == .request,
                message.isAuthentic(in: input.bytes, key: MessageIntegrityKey(password: local.password))
            else { throw Finding("an unsigned message was not dropped") }
            return
        }
        try expect(batch.count == 0 && agent.pathCount == 0 && agent.nextEvent() == nil, "a stranger was answered or remembered")
        let controller = ICEController(local: remote, remote: local, path: path, at: now, entropy: .seeded(2))
        controller.handleTimeout(at: now)
        controller.drain(into: batch)
        batch.removeAll()
        _ = controller.receive(input.bytes, from: path, at: now, into: batch)
        try expect(controller.selectedPath == nil, "a stranger was nominated")
    }

    /// Any attributes at all, in a message whose signature is right.
    private static func receiveSigned(_ input: UnsafeRawBufferPointer, isForController: Bool) throws(Finding) {
        var input = ByteInput(input)
        let messageClass = STUNMessage.Class(rawValue: isForController ? 2 + (input.uint8() & 1) : 0) ?? .request
        let controller = ICEController(local: remote, remote: local, path: path, at: now, entropy: .seeded(2))
        let agent = ICEAgent(local: local, remote: remote, at: now, entropy: .seeded(1))
        let batch = DatagramBatch(capacity: 4)
        controller.handleTimeout(at: now)
        controller.drain(into: batch)
        guard batch.count == 1, let check = STUNMessage(batch.bytes(0).bytes) else { throw Finding("the controller sends no check") }
        batch.removeAll()
        let key = MessageIntegrityKey(password: local.password)
        var attributes: [(type: UInt16, value: [UInt8])] = []
        if !isForController, input.uint8() & 1 == 0 {
            attributes.append((0x0006, Array("\(local.ufrag):\(remote.ufrag)".utf8)))
        }
        while !input.isAtEnd, attributes.count < 32 { attributes.append((input.uint16(), Array(input.take(Int(input.uint8()))))) }
        var length = 0
        let message = [UInt8](unsafeUninitializedCapacity: 1_500) { memory, count in
            var writer = STUNWriter(UnsafeMutableRawBufferPointer(memory), messageClass, transactionID: check.transactionID)
            for (type, value) in attributes { writer.attribute(type, value) }
            length = writer.finish(key: key)
            count = length
        }
        guard length > 0 else { return }
        if isForController {
            _ = controller.receive(message.span.bytes, from: path, at: now, into: batch)
            try expect(batch.count == 0, "an answer was answered")
            return
        }
        let result = agent.receive(message.span.bytes, from: path, at: now, into: batch)
        try expect(batch.count <= 1, "one check, several answers")
        switch result {
        case .answered, .refused:
            guard batch.count == 1, let answer = STUNMessage(batch.bytes(0).bytes) else { throw Finding("an answer does not parse") }
            try expect(
                answer.transactionID == check.transactionID && answer.isAuthentic(in: batch.bytes(0).bytes, key: key),
                "the answer is not to the question, or not signed")
            try expect(agent.pathCount == (result == .answered ? 1 : 0), "the answer and the path disagree")
        case .ignored, .dropped:
            try expect(batch.count == 0 && agent.pathCount == 0, "what was dropped was answered")
        }
    }
}
