import MediaPrimitives
import MediaSecurity

/// Two associations and a seeded link between them in virtual time: 20 ms each way, and whatever a test does to the datagrams.
final class DTLSLink {
    struct Datagram {
        var due: Instant
        var order: Int
        var toServer: Bool
        var bytes: [UInt8]
    }

    /// What the link does with one datagram: which datagrams arrive, after how much further delay.
    typealias Treatment = (_ bytes: [UInt8], _ toServer: Bool, _ number: Int) -> [(bytes: [UInt8], delay: Interval)]

    let client: DTLSAssociation
    let server: DTLSAssociation
    var now = Instant(nanoseconds: 0)
    var clientKeys: SRTPKeys?
    var serverKeys: SRTPKeys?
    var clientEnd: String?
    var serverEnd: String?
    /// Every datagram either side wrote, in order.
    var sent: [(bytes: [UInt8], fromClient: Bool, at: Instant)] = []
    var treatment: Treatment
    private var flying: [Datagram] = []
    private var order = 0
    private let batch = DatagramBatch(capacity: 64)
    let path = Path(local: SocketAddress(ipv4: 0x7f00_0001, port: 1), remote: SocketAddress(ipv4: 0x7f00_0001, port: 2))

    init(client: DTLSAssociation, server: DTLSAssociation, treatment: @escaping Treatment = { bytes, _, _ in [(bytes, .zero)] }) {
        self.client = client
        self.server = server
        self.treatment = treatment
    }

    var isEstablished: Bool { clientKeys != nil && serverKeys != nil }

    private func carry(fromClient: Bool) {
        for i in 0..<batch.count {
            let bytes = Array(batch.bytes(i))
            sent.append((bytes, fromClient, now))
            for arrival in treatment(bytes, fromClient, sent.count - 1) {
                order += 1
                flying.append(
                    Datagram(due: now + .milliseconds(20) + arrival.delay, order: order, toServer: fromClient, bytes: arrival.bytes))
            }
        }
        batch.removeAll()
    }

    private func note(_ result: DTLSResult, isClient: Bool) {
        switch result {
        case .established(let keys): if isClient { clientKeys = keys } else { serverKeys = keys }
        case .failed(let reason): if isClient { clientEnd = reason } else { serverEnd = reason }
        case .closed: if isClient { clientEnd = "closed" } else { serverEnd = "closed" }
        case .progress, .dropped: break
        }
    }

    func start() {
        server.start(path: path, at: now, into: batch)
        carry(fromClient: false)
        client.start(path: path, at: now, into: batch)
        carry(fromClient: true)
    }

    /// Delivers a datagram at once.
    @discardableResult
    func deliver(_ bytes: [UInt8], toServer: Bool) -> DTLSResult {
        let result = bytes.withUnsafeBytes { (toServer ? server : client).receive($0, path: path, at: now, into: batch) }
        note(result, isClient: !toServer)
        carry(fromClient: !toServer)
        return result
    }

    func close(client isClient: Bool) {
        (isClient ? client : server).close(path: path, into: batch)
        carry(fromClient: isClient)
    }

    func send(_ bytes: [UInt8], fromClient: Bool) -> Bool {
        let sent = bytes.withUnsafeBytes { (fromClient ? client : server).send($0, path: path, into: batch) }
        carry(fromClient: fromClient)
        return sent
    }

    /// Runs until nothing flies and no deadline is left before `limit`, or `until` holds.
    func run(limit: Interval = .seconds(40), until: () -> Bool = { false }) {
        let end = now + limit
        while !until() {
            let arrival = flying.indices.min { (flying[$0].due, flying[$0].order) < (flying[$1].due, flying[$1].order) }
            let next = min(arrival.map { flying[$0].due } ?? .distantFuture, client.nextDeadline, server.nextDeadline)
            guard next <= end else {
                now = end
                return
            }
            now = max(now, next)
            if let arrival, flying[arrival].due <= now {
                let datagram = flying.remove(at: arrival)
                deliver(datagram.bytes, toServer: datagram.toServer)
                continue
            }
            for (association, isClient) in [(client, true), (server, false)] where association.nextDeadline <= now {
                note(association.handleTimeout(at: now, path: path, into: batch), isClient: isClient)
                carry(fromClient: isClient)
            }
        }
    }
}

/// Certificates for tests, made once.
enum Certificates {
    static let client = Result { try Certificate.generate() }
    static let server = Result { try Certificate.generate() }
}

func makeLink(
    clientProfiles: [SRTPProfile] = SRTPProfile.allCases, serverProfiles: [SRTPProfile] = SRTPProfile.allCases, mtu: Int = 1200,
    fingerprintsForServer: [CertificateFingerprint]? = nil, fingerprintsForClient: [CertificateFingerprint]? = nil,
    treatment: @escaping DTLSLink.Treatment = { bytes, _, _ in [(bytes, .zero)] }
) throws -> DTLSLink {
    let clientCertificate = try Certificates.client.get()
    let serverCertificate = try Certificates.server.get()
    let start = Instant(nanoseconds: 0)
    return DTLSLink(
        client: DTLSAssociation(
            certificate: clientCertificate, role: .client, fingerprints: fingerprintsForClient ?? [serverCertificate.fingerprint],
            at: start,
            mtu: mtu, profiles: clientProfiles),
        server: DTLSAssociation(
            certificate: serverCertificate, role: .server, fingerprints: fingerprintsForServer ?? [clientCertificate.fingerprint],
            at: start,
            mtu: mtu, profiles: serverProfiles),
        treatment: treatment)
}
