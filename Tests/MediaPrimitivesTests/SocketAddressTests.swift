import MediaPrimitives
import Testing

@Suite("Socket addresses")
struct SocketAddressTests {
    @Test(
        "Every literal is printed in the form of RFC 5952",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("::", "::"), ("::1", "::1"),
            ("1::", "1::"),
            // §4.1 leading zeros, §4.3 lower case.
            ("2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"), ("2001:DB8::A", "2001:db8::a"),
            // §4.2.2: one group of zeros is not shortened. §4.2.3: the longest run, and the first of equals.
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:0:0:4:5:6:0:0", "1::4:5:6:0:0"),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            // A mapped address is the IPv4 address; other embedded forms stay IPv6.
            ("::ffff:192.0.2.1", "192.0.2.1"), ("::ffff:c000:201", "192.0.2.1"), ("0:0:0:0:0:FFFF:129.144.52.38", "129.144.52.38"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("::13.1.68.3", "::d01:4403"), ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
        ])
    func prints(text: String, expected: String) throws {
        let address = try #require(SocketAddress(host: text, port: 443))
        #expect(address.host == expected)
        #expect(address.description == (expected.contains(":") ? "[\(expected)]:443" : "\(expected):443"))
        #expect(SocketAddress(host: expected, port: 443) == address)
    }

    @Test(
        "What is no literal is refused",
        arguments: [
            "", " ", ":", ":::", "::::", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "1.2.3.+4", "1.2..4", ".1.2.3", "1.2.3.4 ",
            "1.2.3.0004", "１.2.3.4", "localhost", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "::1::", ":1::2", "1::2:", "1:2:",
            ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "::1:2:3:4:5:6:7:8", "12345::", "::g", "::+1", "::-1", "::１", "fe80::1%eth0", "[::1]",
            "::1.2.3", "::1.2.3.4:5", "1.2.3.4::", "::1.2.3.256", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4:80", "::ffff:1.2.3.4.5", ":\u{301}:1",
            "1:\u{200d}:2", String(repeating: "0", count: 46), "::" + String(repeating: "0", count: 60),
        ])
    func refuses(text: String) { #expect(SocketAddress(host: text, port: 1) == nil) }

    @Test("Printed addresses parse back to themselves, whatever their bits")
    func roundTrip() {
        var random = Entropy.seeded(3)
        for _ in 0..<3_000 {
            // Groups of zeros and of ffff are the interesting ones.
            let groups: [UInt64] = (0..<8).map { _ in
                let kind = Int.random(in: 0..<4, using: &random)
                return kind == 0 ? 0xffff : kind == 1 ? UInt64.random(in: 0...0xffff, using: &random) : 0
            }
            var words = [UInt64](repeating: 0, count: 2)
            for (index, group) in groups.enumerated() { words[index / 4] = words[index / 4] << 16 | group }
            let address = SocketAddress(high: words[0], low: words[1], port: 9)
            #expect(SocketAddress(host: address.host, port: 9) == address)
        }
    }

    @Test("Random text never traps")
    func hostile() {
        var random = Entropy.seeded(4)
        let alphabet = Array("0123456789abcdefF:::::...%[]g -+é")
        for _ in 0..<20_000 {
            let text = String((0..<Int.random(in: 0...20, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? ":" })
            if let address = SocketAddress(host: text, port: 1) { #expect(SocketAddress(host: address.host, port: 1) == address) }
        }
    }

    @Test("Kinds of address are told apart in both families")
    func kinds() throws {
        let of = { (text: String) throws in try #require(SocketAddress(host: text, port: 1)) }
        for text in ["127.0.0.1", "127.255.0.3", "::1", "::ffff:127.0.0.1"] { #expect(try of(text).isLoopback) }
        for text in ["128.0.0.1", "::2", "1::1"] { #expect(try !of(text).isLoopback) }
        for text in ["169.254.0.1", "fe80::1", "febf::1"] { #expect(try of(text).isLinkLocal) }
        for text in ["169.253.0.1", "fec0::1", "fe7f::1"] { #expect(try !of(text).isLinkLocal) }
        #expect(try of("0.0.0.0").isUnspecified && of("::").isUnspecified && !of("::1").isUnspecified)
        #expect(SocketAddress(ipv4: 0xc000_0201, port: 5).description == "192.0.2.1:5")
        let address = try of("2001:db8::1")
        #expect(address.with(port: 7).port == 7 && address.with(port: 7) != address && address.with(port: 7).hasSameHost(as: address))
    }
}
