import HTTPTypes
import Logging
import Synchronization

/// Connections that were refused before there was a request: counted as requests of no route, and told of now and then.
package final class RefusedConnections: Sendable {
    /// A line for each sentence so often at most.
    private static let interval = Duration.seconds(10)

    private let requests: RequestCounts
    private let logger: Logger
    /// When each sentence was told last, and how often it was said since. The sentences are few, and ours.
    private let told = Mutex<[String: (at: ContinuousClock.Instant, since: Int)]>([:])

    package init(requests: RequestCounts, logger: Logger) {
        self.requests = requests
        self.logger = logger
    }

    func note(_ status: HTTPResponse.Status, _ sentence: String, from address: String, now: ContinuousClock.Instant = .now) {
        requests.count(route: "none", status: status.code)
        let count: Int? = told.withLock {
            if let last = $0[sentence], now - last.at < Self.interval {
                $0[sentence]?.since += 1
                return nil
            }
            let count = ($0[sentence]?.since ?? 0) + 1
            $0[sentence] = (now, 0)
            return count
        }
        guard let count else { return }
        logger.info(
            "Connections were refused.", metadata: ["answer": "\(status.code) \(sentence)", "from": "\(address)", "count": "\(count)"])
    }
}
