import Synchronization

/// How many requests each route has answered with which status. Routes are patterns, so the table stays small.
package final class RequestCounts: Sendable {
    package struct Key: Hashable, Comparable, Sendable {
        package var route: String
        package var status: Int

        package static func < (a: Key, b: Key) -> Bool { (a.route, a.status) < (b.route, b.status) }
    }

    private let counts = Mutex<[Key: UInt64]>([:])

    package init() {}

    package func count(route: String, status: Int) { counts.withLock { $0[Key(route: route, status: status), default: 0] &+= 1 } }

    /// In order of route and status.
    package var all: [(key: Key, count: UInt64)] {
        counts.withLock { $0.sorted { $0.key < $1.key }.map { (key: $0.key, count: $0.value) } }
    }
}
