import MediaPrimitives
import MediaSecurity

/// The association under test (the subject), a genuine peer, and what each has sent and the other not yet received.
final class DTLSExchange {
    private let subject: DTLSAssociation
    private let peer: DTLSAssociation
    private let isTrusting: Bool
    private let path = Path(local: SocketAddress(ipv4: 0x7f00_0001, port: 1), remote: SocketAddress(ipv4: 0x7f00_0001, port: 2))
    private let batch = DatagramBatch(capacity: 64)
    private var now = Instant(nanoseconds: 1_000_000_000)
    private var toPeer: [[UInt8]] = []
    private var toSubject: [[UInt8]] = []
    private var subjectKeys: SRTPKeys?
    private var peerKeys: SRTPKeys?
    private(set) var lastApplicationRecord: [UInt8]?

    init(_ certificates: Certificates, role: DTLSRole, isTrusting: Bool) {
        self.isTrusting = isTrusting
        let expected = isTrusting ? certificates.theirs.fingerprint : certificates.ours.fingerprint
        subject = DTLSAssociation(certificate: certificates.ours, role: role, fingerprints: [expected], at: now)
        peer = DTLSAssociation(
            certificate: certificates.theirs, role: role == .client ? .server : .client, fingerprints: [certificates.ours.fingerprint],
            at: now)
    }

    func start() {
        peer.start(path: path, at: now, into: batch)
        takeOutput(into: &toSubject)
        subject.start(path: path, at: now, into: batch)
    }

    private func takeOutput(into datagrams: inout [[UInt8]]) {
        for index in 0..<batch.count where datagrams.count < 64 { datagrams.append(Array(batch.bytes(index))) }
        batch.removeAll()
    }

    /// What the subject has just sent: bounded, and no datagram too long.
    func checkOutput() throws(Finding) {
        try expect(batch.count <= 12, "\(batch.count) datagrams at once")
        for index in 0..<batch.count { try expect(batch.bytes(index).count <= 1_200, "a datagram of \(batch.bytes(index).count) bytes") }
        takeOutput(into: &toPeer)
        try expect(subject.nextDeadline > now, "a deadline that has passed")
    }

    private func note(_ result: DTLSResult) throws(Finding) {
        if case .established(let keys) = result {
            try expect(isTrusting, "a peer with another certificate was believed")
            try expect(subjectKeys == nil, "established twice")
            subjectKeys = keys
        }
        try expect(subject.isEstablished == false || subjectKeys != nil, "established without keys")
        if let ours = subjectKeys, let theirs = peerKeys {
            try expect(ours.localKey == theirs.remoteKey && ours.remoteSalt == theirs.localSalt, "the keys differ")
        }
        try checkOutput()
    }

    // MARK: Steps

    func receive(_ datagram: [UInt8]) throws(Finding) {
        let result = datagram.withUnsafeBytes { subject.receive($0, path: path, at: now, into: batch) }
        try expect(subject.applicationRecords.count <= 128, "\(subject.applicationRecords.count) records in a datagram")
        if let record = subject.applicationRecords.last {
            try expect(subject.isEstablished, "application data before the end of the handshake")
            lastApplicationRecord = record
        }
        try note(result)
    }

    /// A record whose header is right (RFC 6347 §4.1).
    func receiveRecord(type: UInt8, epoch: UInt8, number: UInt8, _ body: [UInt8]) throws(Finding) {
        let length = [UInt8(truncatingIfNeeded: body.count >> 8), UInt8(truncatingIfNeeded: body.count)]
        try receive([type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, number] + length + body)
    }

    /// An unencrypted handshake message or fragment (RFC 6347 §4.2.2). A `length` of 0 stands for that of the body.
    func receiveMessage(type: UInt8, sequence: UInt8, length: UInt16, offset: UInt16, _ body: [UInt8]) throws(Finding) {
        let word = { (value: Int) in [UInt8(value >> 16 & 0xff), UInt8(value >> 8 & 0xff), UInt8(value & 0xff)] }
        let header = [type] + word(length == 0 ? body.count : Int(length)) + [0, sequence] + word(Int(offset)) + word(body.count)
        try receiveRecord(type: 22, epoch: 0, number: sequence &+ 100, header + body)
    }

    func receiveGenuine() throws(Finding) {
        if !toSubject.isEmpty { try receive(toSubject.removeFirst()) }
    }

    func receiveGenuine(changedAt position: Int, by mask: UInt8, isKept: Bool) throws(Finding) {
        guard var datagram = toSubject.first, !datagram.isEmpty else { return }
        if !isKept { toSubject.removeFirst() }
        datagram[position % datagram.count] ^= mask
        try receive(datagram)
    }

    func receiveGenuine(cutTo length: Int) throws(Finding) {
        if let datagram = toSubject.first { try receive(Array(datagram.prefix(length))) }
    }

    func deliverToPeer() {
        for datagram in toPeer {
            if case .established(let keys) = datagram.withUnsafeBytes({ peer.receive($0, path: path, at: now, into: batch) }) {
                peerKeys = keys
            }
            takeOutput(into: &toSubject)
        }
        toPeer = []
    }

    func wait(_ time: Interval) throws(Finding) {
        now = now + time
        _ = peer.handleTimeout(at: now, path: path, into: batch)
        takeOutput(into: &toSubject)
        try note(subject.handleTimeout(at: now, path: path, into: batch))
    }

    /// Nothing is lost or changed for a while.
    func finish() throws(Finding) {
        for _ in 0..<6 {
            deliverToPeer()
            while !toSubject.isEmpty { try receiveGenuine() }
        }
    }

    func receiveFromPeer(_ record: [UInt8]) throws(Finding) {
        record.withUnsafeBytes { _ = peer.send($0, path: path, into: batch) }
        takeOutput(into: &toSubject)
        while !toSubject.isEmpty { try receiveGenuine() }
    }

    func send(_ record: [UInt8]) throws(Finding) {
        let isSent = record.withUnsafeBytes { subject.send($0, path: path, into: batch) }
        try expect(!isSent || subject.isEstablished, "application data was sent without an association")
        try checkOutput()
    }

    func close(byPeer: Bool) throws(Finding) {
        if byPeer {
            peer.close(path: path, into: batch)
            takeOutput(into: &toSubject)
            while !toSubject.isEmpty { try receiveGenuine() }
        } else {
            subject.close(path: path, into: batch)
            try checkOutput()
            try expect(!subject.isEstablished, "established after the end")
        }
    }
}
