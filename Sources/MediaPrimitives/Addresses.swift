/// An IPv4 or IPv6 address with a port, as plain values (no `sockaddr` in the core).
@frozen @usableFromInline
package struct SocketAddress: Hashable, Sendable {
    /// The 128 bits of an IPv6 address; an IPv4 address is held in its mapped form `::ffff:a.b.c.d`, so that both families compare alike.
    @usableFromInline package var high: UInt64
    @usableFromInline package var low: UInt64
    /// The interface of a link-local address (RFC 4007); 0 otherwise.
    @usableFromInline package var scope: UInt32
    @usableFromInline package var port: UInt16

    @inlinable package init(high: UInt64, low: UInt64, scope: UInt32 = 0, port: UInt16) {
        self.high = high
        self.low = low
        self.scope = scope
        self.port = port
    }

    /// An IPv4 address from its 32 bits in host order.
    @inlinable package init(ipv4: UInt32, port: UInt16) {
        self.init(high: 0, low: 0xffff_0000_0000 | UInt64(ipv4), port: port)
    }

    @inlinable package var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }
    /// The 32 bits of an IPv4 address, host order; meaningful only when `isIPv4`.
    @inlinable package var ipv4: UInt32 { UInt32(truncatingIfNeeded: low) }
    @inlinable package var isLoopback: Bool { isIPv4 ? ipv4 >> 24 == 127 : high == 0 && low == 1 }
    @inlinable package var isUnspecified: Bool { isIPv4 ? ipv4 == 0 : high == 0 && low == 0 }
    @inlinable package var isLinkLocal: Bool { isIPv4 ? ipv4 >> 16 == 0xa9fe : high >> 54 == 0xfe80 >> 6 }

    /// The same address with another port.
    package func with(port: UInt16) -> SocketAddress { SocketAddress(high: high, low: low, scope: scope, port: port) }

    /// Whether both are the same address, whatever the ports.
    package func hasSameHost(as other: SocketAddress) -> Bool { high == other.high && low == other.low }
}

extension SocketAddress: CustomStringConvertible {
    /// The address without the port: dotted quad, or the shortest form of RFC 5952.
    package var host: String {
        if isIPv4 { return (0..<4).map { String(ipv4 >> (24 - 8 * UInt32($0)) & 0xff) }.joined(separator: ".") }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: ($0 < 4 ? high : low) >> (48 - 16 * UInt64($0 % 4))) }
        // The longest run of two or more zero groups becomes "::"; the first of equals wins.
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(1, best.count) { best = start..<end }
            start = max(end, start + 1)
        }
        let hex = { (slice: ArraySlice<UInt16>) in slice.map { String($0, radix: 16) }.joined(separator: ":") }
        return best.isEmpty ? hex(groups[...]) : hex(groups[..<best.lowerBound]) + "::" + hex(groups[best.upperBound...])
    }

    @usableFromInline package var description: String { isIPv4 ? "\(host):\(port)" : "[\(host)]:\(port)" }

    /// Parses an address literal, IPv4 or IPv6 (RFC 4291 §2.2), never a name; nil for anything else.
    package init?(host: some StringProtocol, port: UInt16) {
        guard host.utf8.count <= 45 else { return nil }
        if !host.contains(":") {
            guard let ipv4 = SocketAddress.dottedQuad(host) else { return nil }
            self.init(ipv4: ipv4, port: port)
            return
        }
        var text = String(host)
        if let colon = text.lastIndex(of: ":"), text[colon...].contains(".") {
            guard let ipv4 = SocketAddress.dottedQuad(text[text.index(after: colon)...]) else { return nil }
            text = text[...colon] + String(ipv4 >> 16, radix: 16) + ":" + String(ipv4 & 0xffff, radix: 16)
        }
        // At most one "::"; a single colon at either end is part of no valid form.
        let halves: [Substring]
        if let gap = text.firstRange(ofDoubleColon: ()) {
            let rest = text[gap.upperBound...]
            if rest.firstRange(ofDoubleColon: ()) != nil || rest.hasPrefix(":") { return nil }
            halves = [text[..<gap.lowerBound], rest]
        } else {
            halves = [text[...]]
        }
        let parsed = halves.map { half in
            half.isEmpty
                ? []
                : half.split(separator: ":", omittingEmptySubsequences: false).map { group in
                    group.utf8.count <= 4 && group.allSatisfy(\.isHexDigit) ? UInt16(group, radix: 16) : nil
                }
        }
        let groups = parsed.flatMap { $0 }
        guard groups.allSatisfy({ $0 != nil }), halves.count == 2 ? groups.count <= 7 : groups.count == 8 else { return nil }
        let head = parsed[0].compactMap { $0 }
        let tail = halves.count == 2 ? parsed[1].compactMap { $0 } : []
        let all = head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
        let word = { (range: Range<Int>) in all[range].reduce(UInt64(0)) { $0 << 16 | UInt64($1) } }
        self.init(high: word(0..<4), low: word(4..<8), port: port)
    }

    private static func dottedQuad(_ text: some StringProtocol) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (48...57).contains($0) }), let octet = UInt8(part) else {
                return nil
            }
            value = value << 8 | UInt32(octet)
        }
        return value
    }
}

extension StringProtocol {
    fileprivate func firstRange(ofDoubleColon: Void) -> Range<Index>? {
        var at = startIndex
        while at < endIndex {
            let next = index(after: at)
            if self[at] == ":", next < endIndex, self[next] == ":" { return at..<index(after: next) }
            at = next
        }
        return nil
    }
}

/// The way between us and one remote address: what ICE validates, what a packet came by and what the answer goes back by.
///
/// For UDP `channel` is the number of our socket; for TCP it is the number of the connection. `local` is the address that was hit,
/// so that a host with several answers from that one.
@frozen @usableFromInline
package struct Path: Hashable, Sendable {
    @frozen @usableFromInline
    package enum Kind: UInt8, Sendable { case udp, tcp }

    @usableFromInline package var kind: Kind
    @usableFromInline package var channel: UInt32
    @usableFromInline package var local: SocketAddress
    @usableFromInline package var remote: SocketAddress

    @inlinable package init(kind: Kind = .udp, channel: UInt32 = 0, local: SocketAddress, remote: SocketAddress) {
        self.kind = kind
        self.channel = channel
        self.local = local
        self.remote = remote
    }
}
