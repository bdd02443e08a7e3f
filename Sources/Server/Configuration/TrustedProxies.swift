import MediaPrimitives

/// Proxies whose word on where a request comes from is taken.
package struct TrustedProxies: Equatable, Sendable {
    /// Addresses that begin alike.
    private struct Network: Equatable {
        /// With all other bits 0.
        private var high: UInt64
        private var low: UInt64
        private var highMask: UInt64
        private var lowMask: UInt64

        /// Reads `10.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`; nil for anything else.
        init?(_ text: String) {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count <= 2, let address = SocketAddress(host: parts[0], port: 0) else { return nil }
            // IPv4 addresses are held in their mapped form, behind 96 bits.
            let family = address.isIPv4 ? 96 : 0
            var length = 128
            if parts.count == 2 {
                guard parts[1].utf8.count <= 3, parts[1].utf8.allSatisfy({ (48...57).contains($0) }), let given = Int(parts[1]),
                    family + given <= 128
                else { return nil }
                length = family + given
            }
            // Shifts by 64 and more give 0.
            highMask = ~(UInt64.max >> UInt64(min(length, 64)))
            lowMask = ~(UInt64.max >> UInt64(max(length - 64, 0)))
            (high, low) = (address.high & highMask, address.low & lowMask)
        }

        func contains(_ address: SocketAddress) -> Bool { address.high & highMask == high && address.low & lowMask == low }
    }

    private var networks: [Network]

    /// None.
    package init() { networks = [] }

    /// Reads addresses and networks, separated by commas; nil where one is neither.
    package init?(_ text: String) {
        let read = text.items.map { Network($0) }
        networks = read.compactMap { $0 }
        guard !networks.isEmpty, networks.count == read.count else { return nil }
    }

    /// Chains of proxies are short; who writes a longer one wants to keep us busy.
    private static let longestChain = 16

    /// Where a request comes from: the far end of its connection; where that is one of these proxies, the last address of `X-Forwarded-For` that is
    /// none of them. Whatever stands before that one, the client may have written itself.
    package func client(peer: String, forwarded: [String]) -> String {
        guard !networks.isEmpty, var last = SocketAddress(host: peer, port: 0) else { return peer }
        var chain = forwarded.joined(separator: ",").items.suffix(Self.longestChain)
        while networks.contains(where: { $0.contains(last) }), let next = chain.popLast().flatMap(Self.address) { last = next }
        return last.host
    }

    /// Some proxies write ports: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
    private static func address(_ text: String) -> SocketAddress? {
        if let address = SocketAddress(host: text, port: 0) { return address }
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            return SocketAddress(host: text[text.index(after: text.startIndex)..<end], port: 0)
        }
        return text.lastIndex(of: ":").flatMap { SocketAddress(host: text[..<$0], port: 0) }
    }
}
