import COpenSSL
import MediaPrimitives
import MediaSecurity
import Testing

@Suite("A DTLS association, among strangers and odd peers") struct HostileDatagramTests {
    private let path = Path(local: SocketAddress(ipv4: 0x7f00_0001, port: 1), remote: SocketAddress(ipv4: 0x7f00_0001, port: 2))

    /// The first datagram of a fresh client, and its link.
    private func hello() throws -> (DTLSLink, [UInt8]) {
        let link = try makeLink()
        link.start()
        return (link, try #require(link.sent.first).bytes)
    }

    @Test("assembles a hello in fragments, in whatever order they come", arguments: [20, 60, 100, 199])
    func fragmentedHello(size: Int) throws {
        for order in 0..<3 {
            let link = try makeLink { bytes, toServer, number in
                guard toServer, number == 0 else { return [(bytes, .zero)] }
                let pieces = fragments(of: bytes, size: size, firstNumber: 0)
                let turned = order == 0 ? pieces : order == 1 ? pieces.reversed() : Array(pieces.dropFirst() + pieces.prefix(1))
                return turned.map { ($0, .zero) }
            }
            link.start()
            link.run(until: { link.isEstablished })
            #expect(link.isEstablished)
            // Nobody had to wait for a retransmission.
            #expect(link.now <= Instant(nanoseconds: 100_000_000))
        }
    }

    @Test("is not ended by garbage between the datagrams", arguments: 1...50)
    func garbage(seed: Int) throws {
        let entropy = Entropy.seeded(UInt64(seed))
        let link = try makeLink()
        link.treatment = { bytes, _, _ in
            var arrivals: [(bytes: [UInt8], delay: Interval)] = []
            for _ in 0..<4 {
                var junk = entropy.bytes(Int(entropy.next() % 200))
                if !junk.isEmpty { junk[0] = 20 + junk[0] % 44 }
                // Right version and length, wrong everything else, of an epoch that cannot be.
                if junk.count > 20, entropy.next() % 2 == 0 {
                    junk.replaceSubrange(0..<13, with: [23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, UInt8(junk.count - 13)])
                }
                arrivals.append((junk, Interval.milliseconds(Int64(entropy.next() % 3) - 1)))
            }
            return arrivals + [(bytes, .zero)] + arrivals
        }
        link.start()
        link.run(until: { link.isEstablished })
        #expect(link.isEstablished)
        #expect(link.server.dropped > 0 && link.client.dropped > 0)
        link.run(limit: .seconds(1))
        #expect(link.client.isEstablished && link.server.isEstablished)
    }

    @Test("a server drops hellos cut short, and then takes the whole one")
    func truncations() throws {
        let (link, hello) = try hello()
        for length in 0..<hello.count {
            guard case .dropped = link.deliver(Array(hello.prefix(length)), toServer: true) else {
                Issue.record("a hello of \(length) bytes was taken")
                return
            }
        }
        #expect(link.server.dropped == UInt64(hello.count))
        link.run(until: { link.isEstablished })
        #expect(link.isEstablished)
    }

    @Test("a server outlives hellos that OpenSSL refuses, says nothing to them, and then takes the right one")
    func refusedHellos() throws {
        let (link, hello) = try hello()
        let before = link.sent.count
        var refused = 0
        // Corrupt lengths inside the hello: session id, cookie, suites, compression, extensions.
        for offset in 59..<hello.count {
            var bad = hello
            bad[offset] = 0xff
            let (other, _) = try self.hello()
            let earlier = other.sent.count
            if case .dropped = other.deliver(bad, toServer: true) {
                refused += 1
                #expect(other.sent.count == earlier)
                link.deliver(bad, toServer: true)
            }
        }
        #expect(refused > 10)
        #expect(link.sent.count == before)
        link.run(until: { link.isEstablished })
        #expect(link.isEstablished)
    }

    @Test("survives every flipped bit of every datagram of a handshake")
    func bitFlips() throws {
        let clean = try makeLink()
        clean.start()
        clean.run(until: { clean.isEstablished })
        let entropy = Entropy.seeded(11)
        var established = 0
        for _ in 0..<300 {
            let victim = Int(entropy.next() % UInt64(clean.sent.count))
            let link = try makeLink { bytes, _, number in
                guard number == victim else { return [(bytes, .zero)] }
                var flipped = bytes
                let bit = Int(entropy.next() % UInt64(8 * bytes.count))
                flipped[bit / 8] ^= 1 << UInt8(bit % 8)
                return [(flipped, .zero), (bytes, .milliseconds(1))]
            }
            link.start()
            link.run(until: { link.isEstablished })
            if link.isEstablished {
                established += 1
                #expect(link.clientKeys?.localKey == link.serverKeys?.remoteKey)
            }
            // Keys on one side only would be possible where the last flight was forged; never different ones.
        }
        #expect(established > 0)
    }

    @Test("after the handshake, neither garbage nor old datagrams do anything")
    func afterwards() throws {
        let link = try makeLink()
        link.start()
        link.run(until: { link.isEstablished })
        let handshake = link.sent
        let entropy = Entropy.seeded(5)
        for _ in 0..<2_000 {
            var junk = entropy.bytes(Int(entropy.next() % 100))
            if junk.count > 13 {
                junk.replaceSubrange(0..<5, with: [20 + junk[0] % 4, 0xfe, 0xfd, 0, junk[4] & 1])
                junk.replaceSubrange(11..<13, with: [0, UInt8(junk.count - 13)])
            }
            link.deliver(junk, toServer: entropy.next() % 2 == 0)
        }
        for datagram in handshake {
            link.deliver(datagram.bytes, toServer: datagram.fromClient)
            link.deliver(datagram.bytes, toServer: !datagram.fromClient)
        }
        #expect(link.sent.count == handshake.count)
        #expect(link.client.isEstablished && link.server.isEstablished)
        link.close(client: true)
        link.run(limit: .seconds(1))
        #expect(link.serverEnd == "closed")
    }

    /// Forged records of every kind and of up to 64 bytes, as if encrypted.
    private var forgedRecords: [[UInt8]] {
        (UInt8(20)...23).flatMap { type in
            (UInt8(1)...64).map { length in
                [type, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, type, length, 0, length] + [UInt8](repeating: length, count: Int(length))
            }
        }
    }

    @Test("forged records leave an association as it was, before the handshake's first answer and after its end")
    func forged() throws {
        let link = try makeLink()
        link.start()
        for record in forgedRecords {
            for toServer in [true, false] { link.deliver(record, toServer: toServer) }
        }
        link.run(until: { link.isEstablished })
        for record in forgedRecords {
            for toServer in [true, false] { link.deliver(record, toServer: toServer) }
        }
        #expect(link.send([1, 2, 3], fromClient: true))
        link.run(limit: .seconds(1))
        #expect(link.server.applicationRecords == [[1, 2, 3]])
        link.close(client: false)
        link.run(limit: .seconds(1))
        #expect(link.clientEnd == "closed")
    }

    @Test(
        "forged records end no association under any cipher, and the shortest record of each is taken",
        arguments: ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"])
    func forgedUnder(suite: String) throws {
        let client = try #require(StockPeer(isClient: true, mtu: 1_200))
        #expect(SSL_set_cipher_list(client.ssl, suite) == 1)
        let server = try makeServer(for: client)
        try #require(shakeHands(client, with: server, client.take(nil)) != nil)
        let batch = DatagramBatch(capacity: 64)
        let receive = { (datagram: [UInt8]) in
            datagram.withUnsafeBytes { server.receive($0, path: path, at: Instant(nanoseconds: 0), into: batch) }
        }
        for record in forgedRecords { _ = receive(record) }
        // One byte, and then close_notify: nothing that is sent is shorter.
        #expect(SSL_write(client.ssl, [7], 1) == 1)
        for record in client.take(nil) { _ = receive(record) }
        #expect(server.applicationRecords == [[7]])
        SSL_shutdown(client.ssl)
        let ends = client.take(nil).map { if case .closed = receive($0) { true } else { false } }
        #expect(ends == [true])
    }

    @Test("refuses a message so long that only an attacker would announce it")
    func hugeMessage() throws {
        let (link, hello) = try hello()
        var huge = fragments(of: hello, size: 50, firstNumber: 0)[0]
        huge.replaceSubrange(14..<17, with: [0x01, 0xff, 0xff])
        guard case .dropped = link.deliver(huge, toServer: true) else {
            Issue.record("a ClientHello of 131,071 bytes was believed")
            return
        }
    }

    private func makeServer(for client: StockPeer) throws -> DTLSAssociation {
        DTLSAssociation(
            certificate: try Certificates.server.get(), role: .server,
            fingerprints: [CertificateFingerprint(algorithm: .sha256, digest: Array(client.digest.prefix(32)))], at: Instant(nanoseconds: 0)
        )
    }

    /// From the client's `hello` to the server's keys; nil if they do not come.
    private func shakeHands(_ client: StockPeer, with server: DTLSAssociation, _ hello: [[UInt8]]) -> SRTPKeys? {
        let batch = DatagramBatch(capacity: 64)
        var toServer = hello
        var keys: SRTPKeys?
        for _ in 0..<6 where keys == nil || !client.isFinished {
            for datagram in toServer {
                if case .established(let exported) = datagram.withUnsafeBytes({
                    server.receive($0, path: path, at: Instant(nanoseconds: 0), into: batch)
                }) {
                    keys = exported
                }
            }
            toServer = []
            for i in 0..<batch.count {
                #expect(batch.bytes(i).count <= 1200)
                for record in records(Array(batch.bytes(i))) { toServer += client.take(record) }
            }
            batch.removeAll()
        }
        return keys
    }

    @Test("shakes hands with a stock OpenSSL client", arguments: zip([nil, nil, 4096] as [UInt32?], [300, 1200, 300]))
    func stockClient(rsaBits: UInt32?, mtu: Int) throws {
        // The hello is as long as with a post-quantum key share.
        let client = try #require(StockPeer(isClient: true, mtu: mtu, rsaBits: rsaBits, padding: 1_300))
        let server = try makeServer(for: client)
        let hello = client.take(nil)
        #expect(hello.count >= 2)
        let keys = shakeHands(client, with: server, hello.reversed())
        let exported = try #require(keys)
        #expect(client.isFinished)
        #expect(exported.profile == .aes128CMSHA1Tag80)
        // The same keys, by OpenSSL's own account.
        var block = [UInt8](repeating: 0, count: 60)
        let label = "EXTRACTOR-dtls_srtp"
        #expect(SSL_export_keying_material(client.ssl, &block, 60, label, label.utf8.count, nil, 0, 0) == 1)
        #expect(exported.remoteKey == Array(block[..<16]) && exported.localKey == Array(block[16..<32]))
        #expect(exported.remoteSalt == Array(block[32..<46]) && exported.localSalt == Array(block[46...]))
    }

    @Test(
        "shakes hands with a stock OpenSSL server, whatever it signs with",
        arguments: [(nil, false, 300), (nil, false, 1200), (2048, false, 300), (nil, true, 1200)] as [(UInt32?, Bool, Int)])
    func stockServer(rsaBits: UInt32?, onP224: Bool, mtu: Int) throws {
        let server = try #require(StockPeer(isClient: false, mtu: mtu, rsaBits: rsaBits, onP224: onP224, profiles: "SRTP_AEAD_AES_256_GCM"))
        let client = DTLSAssociation(
            certificate: try Certificates.client.get(), role: .client,
            fingerprints: [CertificateFingerprint(algorithm: .sha256, digest: Array(server.digest.prefix(32)))], at: Instant(nanoseconds: 0)
        )
        let batch = DatagramBatch(capacity: 64)
        client.start(path: path, at: Instant(nanoseconds: 0), into: batch)
        var keys: SRTPKeys?
        for _ in 0..<6 where keys == nil {
            let replies = (0..<batch.count).flatMap { records(Array(batch.bytes($0))) }.flatMap { server.take($0) }
            batch.removeAll()
            for datagram in replies {
                if case .established(let exported) = datagram.withUnsafeBytes({
                    client.receive($0, path: path, at: Instant(nanoseconds: 0), into: batch)
                }) {
                    keys = exported
                }
            }
        }
        #expect(keys?.profile == .aeadAES256GCM)
        #expect(server.isFinished)
    }

    @Test("refuses a client without a certificate")
    func noCertificate() throws {
        let client = try #require(StockPeer(isClient: true, mtu: 1200, withCertificate: false))
        let server = DTLSAssociation(
            certificate: try Certificates.server.get(), role: .server,
            fingerprints: [CertificateFingerprint(algorithm: .sha256, digest: Array(client.digest.prefix(32)))], at: Instant(nanoseconds: 0)
        )
        let batch = DatagramBatch(capacity: 64)
        var toServer = client.take(nil)
        var failure: String?
        for _ in 0..<4 {
            for datagram in toServer {
                switch datagram.withUnsafeBytes({ server.receive($0, path: path, at: Instant(nanoseconds: 0), into: batch) }) {
                case .established: Issue.record("keys without a certificate")
                case .failed(let reason): failure = reason
                default: break
                }
            }
            toServer = (0..<batch.count).flatMap { client.take(Array(batch.bytes($0))) }
            batch.removeAll()
        }
        #expect(failure?.contains("certificate") == true)
    }
}
