import MediaPrimitives
import MediaSecurity
import Testing

@Suite("A DTLS association") struct DTLSAssociationTests {
    private let wrong = CertificateFingerprint(algorithm: .sha256, digest: Array(repeating: 0xab, count: 32))

    @Test("agrees on mirrored keys", arguments: SRTPProfile.allCases)
    func handshake(profile: SRTPProfile) throws {
        let link = try makeLink(serverProfiles: [profile])
        link.start()
        link.run(until: { link.isEstablished })
        let client = try #require(link.clientKeys)
        let server = try #require(link.serverKeys)
        #expect(client.profile == profile && server.profile == profile)
        #expect(client.localKey == server.remoteKey && client.localSalt == server.remoteSalt)
        #expect(client.remoteKey == server.localKey && client.remoteSalt == server.localSalt)
        #expect(client.localKey != client.remoteKey)
        #expect(client.localKey.count == profile.keyLength && client.localSalt.count == profile.saltLength)
        // Two round trips, and not one retransmission.
        #expect(link.now == Instant(nanoseconds: 80_000_000))
        #expect(link.client.nextDeadline == .distantFuture && link.server.nextDeadline == .distantFuture)
    }

    @Test("prefers AEAD_AES_128_GCM, whatever the client's order")
    func preference() throws {
        let link = try makeLink(clientProfiles: [.aes128CMSHA1Tag80, .aeadAES256GCM, .aeadAES128GCM])
        link.start()
        link.run(until: { link.isEstablished })
        #expect(link.serverKeys?.profile == .aeadAES128GCM)
    }

    @Test("fails without an SRTP profile in common")
    func noProfile() throws {
        let link = try makeLink(clientProfiles: [.aeadAES256GCM], serverProfiles: [.aes128CMSHA1Tag80])
        link.start()
        link.run()
        #expect(!link.isEstablished && link.clientKeys == nil && link.serverKeys == nil)
        #expect(link.serverEnd != nil && link.clientEnd != nil)
    }

    @Test("comes up through 30% loss, every time", arguments: 1...200)
    func loss(seed: Int) throws {
        let entropy = Entropy.seeded(UInt64(seed))
        let link = try makeLink { bytes, _, _ in entropy.next() % 10 < 3 ? [] : [(bytes, .zero)] }
        link.start()
        link.run(until: { link.isEstablished })
        #expect(link.isEstablished, "client: \(link.clientEnd ?? "-"), server: \(link.serverEnd ?? "-")")
    }

    @Test("comes up through loss, duplication and reordering of small datagrams", arguments: 1...100)
    func rough(seed: Int) throws {
        let entropy = Entropy.seeded(UInt64(seed) &* 7919)
        let link = try makeLink(mtu: 300) { bytes, _, _ in
            (0..<(entropy.next() % 10 < 2 ? 0 : entropy.next() % 5 == 0 ? 2 : 1)).map { _ in
                (bytes, Interval.milliseconds(Int64(entropy.next() % 60)))
            }
        }
        link.start()
        link.run(until: { link.isEstablished })
        #expect(link.isEstablished, "client: \(link.clientEnd ?? "-"), server: \(link.serverEnd ?? "-")")
        #expect(link.sent.allSatisfy { $0.bytes.count <= 300 })
    }

    @Test("recovers when the server's last flight is lost again and again: the client's Finished comes in new records")
    func lastFlightLost() throws {
        var losses = 0
        let link = try makeLink()
        link.treatment = { [unowned link] bytes, toServer, _ in
            if !toServer, link.serverKeys != nil || bytes.first == 20, losses < 4 {
                losses += 1
                return []
            }
            return [(bytes, .zero)]
        }
        link.start()
        link.run(until: { link.isEstablished })
        #expect(losses == 4)
        #expect(link.isEstablished)
    }

    @Test("keeps every datagram within the MTU", arguments: [300, 600, 1200])
    func mtu(mtu: Int) throws {
        let link = try makeLink(mtu: mtu)
        link.start()
        link.run(until: { link.isEstablished })
        #expect(link.isEstablished)
        #expect(link.sent.allSatisfy { $0.bytes.count <= mtu })
        // And uses it: the server's first flight of about 900 bytes is not scattered.
        if mtu == 1200 { #expect(link.sent.count == 4) }
    }

    @Test("retransmits at 100 ms, doubling to 3 s, and gives up at 30 s")
    func giveUp() throws {
        let link = try makeLink { _, _, _ in [] }
        link.start()
        link.run()
        #expect(link.clientEnd == "the DTLS handshake was not finished within 30 s")
        #expect(link.serverEnd == "the DTLS handshake was not finished within 30 s")
        let times = link.sent.map { $0.at.nanoseconds / 1_000_000 }
        #expect(times.prefix(9) == [0, 100, 300, 700, 1500, 3100, 6100, 9100, 12_100])
        #expect(times.allSatisfy { $0 < 30_000 } && times.count == 14)
        #expect(link.client.nextDeadline == .distantFuture)
    }

    @Test("uses twice a known round trip as its first interval")
    func knownRoundTrip() throws {
        let link = try makeLink { _, _, _ in [] }
        link.client.roundTripTime = .milliseconds(170)
        link.start()
        link.run(limit: .seconds(1))
        #expect(link.sent.map { $0.at.nanoseconds / 1_000_000 } == [0, 340])
    }

    @Test("ends a server that nobody greets")
    func idle() throws {
        let link = try makeLink()
        #expect(link.server.nextDeadline == Instant(nanoseconds: 60_000_000_000))
        link.now = link.server.nextDeadline
        link.run(limit: .zero)
        #expect(link.serverEnd == "no DTLS handshake was begun within 60 s")
    }

    @Test("refuses a certificate that the SDP did not name, on the server, before any keys")
    func wrongClient() throws {
        let link = try makeLink(fingerprintsForServer: [wrong])
        link.start()
        link.run()
        #expect(link.serverKeys == nil && link.clientKeys == nil)
        #expect(link.serverEnd == "the peer's certificate matches no fingerprint of its SDP")
        // The client is told, and does not wait for its time to run out.
        #expect(link.clientEnd?.contains("certificate") == true)
        #expect(link.server.nextDeadline == .distantFuture)
        #expect(!link.server.isEstablished)
    }

    @Test("refuses a certificate that the SDP did not name, on the client, before any keys")
    func wrongServer() throws {
        let link = try makeLink(fingerprintsForClient: [wrong])
        link.start()
        link.run()
        #expect(link.serverKeys == nil && link.clientKeys == nil)
        #expect(link.clientEnd == "the peer's certificate matches no fingerprint of its SDP")
    }

    @Test("refuses without fingerprints, and with one of the wrong length")
    func noFingerprints() throws {
        let right = try Certificates.client.get().fingerprint
        for fingerprints in [
            [], [CertificateFingerprint(algorithm: .sha256, digest: [])],
            [CertificateFingerprint(algorithm: .sha256, digest: Array(right.digest.prefix(31)))],
            [CertificateFingerprint(algorithm: .sha512, digest: right.digest)],
        ] {
            let link = try makeLink(fingerprintsForServer: fingerprints)
            link.start()
            link.run()
            #expect(link.serverKeys == nil && link.clientKeys == nil)
        }
    }

    @Test("takes any one of several fingerprints")
    func severalFingerprints() throws {
        let right = try Certificates.client.get().fingerprint
        let link = try makeLink(
            fingerprintsForServer: [wrong, CertificateFingerprint(algorithm: .sha512, digest: Array(repeating: 1, count: 64)), right])
        link.start()
        link.run(until: { link.isEstablished })
        #expect(link.isEstablished)
    }

    @Test("says goodbye, and hears it")
    func closing() throws {
        for clientCloses in [true, false] {
            let link = try makeLink()
            link.start()
            link.run(until: { link.isEstablished })
            link.close(client: clientCloses)
            link.run(limit: .seconds(1))
            #expect((clientCloses ? link.serverEnd : link.clientEnd) == "closed")
            #expect(!link.client.isEstablished && !link.server.isEstablished)
            // At an end: everything is dropped, nothing is sent.
            let before = link.sent.count
            guard case .dropped = link.deliver(link.sent[0].bytes, toServer: true) else {
                Issue.record("an ended association must drop")
                return
            }
            #expect(link.sent.count == before)
        }
    }

    @Test("may be closed in every state")
    func closingAnywhere() throws {
        for steps in 0..<6 {
            let link = try makeLink()
            link.start()
            var left = steps
            link.run(until: {
                left -= 1
                return left < 0
            })
            link.close(client: true)
            link.close(client: false)
            link.close(client: true)
            link.run(limit: .seconds(1))
            #expect(link.client.nextDeadline == .distantFuture)
        }
    }

    @Test("carries records of application data within the MTU")
    func applicationData() throws {
        let link = try makeLink()
        link.start()
        #expect(!link.send([1, 2, 3], fromClient: true))
        link.run(until: { link.isEstablished })
        #expect(link.send(Array(repeating: 7, count: 1163), fromClient: true))
        #expect(!link.send(Array(repeating: 7, count: 1164), fromClient: true))
        #expect(!link.send([], fromClient: true))
        #expect(link.send([9], fromClient: false))
        #expect(link.sent.allSatisfy { $0.bytes.count <= 1200 })
        link.run(limit: .seconds(1))
        #expect(link.server.applicationRecords == [Array(repeating: 7, count: 1163)])
        #expect(link.client.applicationRecords == [[9]])
    }
}
