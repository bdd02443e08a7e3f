import Server
import Testing

@Suite("Trusted proxies")
struct TrustedProxiesTests {
    @Test(
        "the client is the last address that no trusted proxy is",
        arguments: [
            // Not from a proxy: whatever is claimed.
            ("192.0.2.9", ["203.0.113.7"], "192.0.2.9"),
            ("127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
            // A socket of both families tells IPv4 in its mapped form.
            ("::ffff:127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
            // What a client writes itself comes before what a proxy appends.
            ("127.0.0.1", ["1.2.3.4, 203.0.113.7"], "203.0.113.7"),
            ("127.0.0.1", ["1.2.3.4", "203.0.113.7"], "203.0.113.7"),
            // Through two proxies.
            ("127.0.0.1", ["1.2.3.4, 203.0.113.7, 10.1.2.3"], "203.0.113.7"),
            ("2001:db8:7::1", ["2001:db8:8::1"], "2001:db8:8::1"),
            // Nobody else has been named.
            ("127.0.0.1", ["10.1.2.3"], "10.1.2.3"), ("127.0.0.1", [], "127.0.0.1"), ("127.0.0.1", [""], "127.0.0.1"),
            // No address, or none behind it.
            ("127.0.0.1", ["203.0.113.7, unknown"], "127.0.0.1"), ("127.0.0.1", ["203.0.113.7,"], "127.0.0.1"),
            ("unknown", ["203.0.113.7"], "unknown"),
            // With ports.
            ("127.0.0.1", ["203.0.113.7:4711"], "203.0.113.7"), ("127.0.0.1", ["[2001:db8:8::1]:4711"], "2001:db8:8::1"),
            ("127.0.0.1", ["[2001:db8:8::1]"], "2001:db8:8::1"), ("127.0.0.1", ["[", ":"], "127.0.0.1"),
        ] as [(String, [String], String)])
    func client(peer: String, forwarded: [String], client: String) throws {
        let proxies = try #require(TrustedProxies("127.0.0.1, 10.0.0.0/8, 2001:db8:7::/48"))
        #expect(proxies.client(peer: peer, forwarded: forwarded) == client)
        #expect(TrustedProxies().client(peer: peer, forwarded: forwarded) == peer)
    }

    @Test("a chain without end is not followed")
    func longChain() throws {
        let proxies = try #require(TrustedProxies("127.0.0.0/8"))
        let chain = "203.0.113.7, " + Array(repeating: "127.0.0.2", count: 6_000).joined(separator: ", ")
        #expect(proxies.client(peer: "127.0.0.1", forwarded: [chain]) == "127.0.0.2")
    }

    @Test(
        "networks begin where their length says",
        arguments: [
            ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.1.2.3/8", "10.0.0.1", true),
            ("192.0.2.128/25", "192.0.2.128", true), ("192.0.2.128/25", "192.0.2.127", false), ("192.0.2.1/32", "192.0.2.1", true),
            ("192.0.2.1/32", "192.0.2.0", false), ("0.0.0.0/0", "192.0.2.1", true), ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true), ("2001:db8::/65", "2001:db8::7fff:0:0:1", true),
            ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
            ("2001:db8::/64", "2001:db8:0:1::", false), ("::1", "::1", true), ("::1", "::2", false),
        ])
    func networks(network: String, address: String, isInside: Bool) throws {
        let proxies = try #require(TrustedProxies(network))
        #expect((proxies.client(peer: address, forwarded: ["198.51.100.1"]) == "198.51.100.1") == isInside)
    }

    @Test(
        "anything else is no list of networks",
        arguments: [
            "", "proxy", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.1,,10.0.0.2", "10.0.0.1, x", "/8",
        ])
    func mistakes(text: String) { #expect(TrustedProxies(text) == nil) }
}
