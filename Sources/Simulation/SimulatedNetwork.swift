import MediaPrimitives

/// Datagrams on their way in virtual time, ordered by arrival; those that arrive together keep the order in which they were sent.
package struct SimulatedNetwork {
    package struct Datagram {
        package var due: Instant
        package var order: UInt64
        package var from: SocketAddress
        package var to: SocketAddress
        package var bytes: [UInt8]
    }

    /// A binary heap.
    private var flying: [Datagram] = []
    private var order: UInt64 = 0

    package init() {}

    /// When something arrives next; distant future when nothing is on its way.
    package var nextArrival: Instant { flying.first?.due ?? .distantFuture }

    package mutating func send(_ bytes: [UInt8], from: SocketAddress, to: SocketAddress, over link: SimulatedLink, at now: Instant) {
        for due in link.arrivals(of: bytes.count, at: now) {
            order += 1
            push(Datagram(due: due, order: order, from: from, to: to, bytes: bytes))
        }
    }

    /// The next datagram that has arrived; nil when there is none.
    package mutating func popArrived(at now: Instant) -> Datagram? {
        guard let first = flying.first, first.due <= now else { return nil }
        let last = flying.removeLast()
        guard !flying.isEmpty else { return first }
        flying[0] = last
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < flying.count && comes(child, before: smallest) { smallest = child }
            guard smallest != parent else { return first }
            flying.swapAt(parent, smallest)
            parent = smallest
        }
    }

    private mutating func push(_ datagram: Datagram) {
        flying.append(datagram)
        var child = flying.count - 1
        while child > 0, comes(child, before: (child - 1) / 2) {
            flying.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private func comes(_ a: Int, before b: Int) -> Bool {
        (flying[a].due.nanoseconds, flying[a].order) < (flying[b].due.nanoseconds, flying[b].order)
    }
}
