import Foundation
import MediaPrimitives

/// What a load test has measured. As JSON its names are in snake case; times are milliseconds or seconds as they say.
package struct LoadReport: Codable, Sendable {
    package struct Spread: Codable, Sendable, Equatable {
        package var count: UInt64
        package var p50: Double
        package var p90: Double
        package var p99: Double
        package var max: Double

        /// In milliseconds.
        init(_ histogram: Histogram) {
            let milliseconds = { (interval: Interval) in (interval.milliseconds * 1_000).rounded() / 1_000 }
            count = histogram.count
            p50 = milliseconds(histogram.percentile(50))
            p90 = milliseconds(histogram.percentile(90))
            p99 = milliseconds(histogram.percentile(99))
            max = milliseconds(histogram.maximum)
        }
    }

    package struct Packets: Codable, Sendable {
        /// What was published for the subscribers from their first packet on: by sequence numbers, and what is missing behind the last.
        package var expected: UInt64 = 0
        /// Each once.
        package var received: UInt64 = 0
        package var lost: UInt64 = 0
        /// Published after the last that a subscriber got; part of `lost`.
        package var missingAtTheEnd: UInt64 = 0
        package var repaired: UInt64 = 0
        /// What the server probed with; in none of the others.
        package var padding: UInt64 = 0
        package var duplicates: UInt64 = 0
        package var nacked: UInt64 = 0
        /// Of streams that no answer named, and those that no key opened.
        package var strays: UInt64 = 0
        package var unreadable: UInt64 = 0
        /// By the subscribers on purpose.
        package var dropped: UInt64 = 0
        /// By the publishers, each packet once.
        package var published: UInt64 = 0
        package var bytes: UInt64 = 0
    }

    /// What came of the layers that subscribers asked for.
    package struct Layers: Codable, Sendable {
        package var asked: UInt64 = 0
        package var reached: UInt64 = 0
        /// Packets of another layer than the one that had been asked for and had come; of those that were looked into.
        package var wrongPackets: UInt64 = 0
        package var switchMs: Spread
    }

    package struct Verified: Codable, Sendable {
        package var clients = 0
        package var packets: UInt64 = 0
        /// What a decoder would have choked on; the first twenty.
        package var faults: [String] = []
    }

    /// How the load generator itself fared: what it was too slow for is not the server's fault.
    package struct Generator: Codable, Sendable {
        package var loopLagMs: Spread
        /// Datagrams that its sockets had no room for.
        package var socketOverflow: UInt64
        package var sendFailures: UInt64
        package var cpuS: Double
        /// Of one core, while everybody had joined.
        package var cpuShare: Double
        package var threads: Int
        package var isBottleneck: Bool
        package var reasons: [String]
    }

    package var url: String
    package var room: String
    package var protocolName: String
    package var publishers: Int
    package var subscribers: Int
    package var durationS: Double
    package var joined: Int
    package var failed: Int
    /// Why, and how many.
    package var failures: [String: Int]
    /// Clients whose connection ended before the test did.
    package var ended: Int
    /// Subscribers that never got any media.
    package var silent: Int
    /// From the request to join to the first decrypted packet, of subscribers.
    package var joinMs: Spread
    /// From the request to join to a connected transport, of publishers.
    package var publishMs: Spread
    /// From the request to join to the first whole picture.
    package var firstFrameMs: Spread
    /// From a packet's sending to the kernel's stamp of its arrival.
    package var delayMs: Spread
    /// Received of expected, all subscribers together, and the one that got least.
    package var delivery: Double
    package var deliveryWorst: Double
    /// Of pictures, and of sound, which nobody asks for again; 1 where there is none.
    package var deliveryVideo: Double
    package var deliveryAudio: Double
    package var packets: Packets
    package var packetsPerS: Double
    package var freezes: Int
    package var freezeS: Double
    package var freezeSWorst: Double
    package var keyframeRequests: UInt64
    package var layers: Layers
    package var verified: Verified
    package var generator: Generator
    package var bars: [BarResult] = []

    package var json: String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) + "\n" } ?? ""
    }

    enum CodingKeys: String, CodingKey {
        case url, room, protocolName = "protocol", publishers, subscribers, durationS, joined, failed, failures, ended, silent, joinMs,
            publishMs, firstFrameMs, delayMs, delivery, deliveryWorst, deliveryVideo, deliveryAudio, packets, packetsPerS, freezes, freezeS,
            freezeSWorst,
            keyframeRequests, layers, verified, generator, bars
    }
}
