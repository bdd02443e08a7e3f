import MediaPrimitives
import RTP
import Synchronization

/// What one stream of recorded frames has sent last: what stamps in the payload say of synthetic ones. Whoever sends writes it, whoever checks
/// reads it, from other threads; so it has a lock.
package final class SentLog: Sendable {
    package struct Entry: Sendable {
        /// Of the payload, as `RecordedPacket` counts it.
        package var hash: UInt64
        /// What a stamp would say; captured at the frame's time in the file.
        package var stamp: PayloadStamp
        package var sent: Instant

        package init(hash: UInt64, stamp: PayloadStamp, sent: Instant) {
            self.hash = hash
            self.stamp = stamp
            self.sent = sent
        }
    }

    package let kind: MediaKind
    package let source: UInt16
    package let layer: UInt8

    /// Later ones take the place of those that nobody waits for any more: some seconds of a picture.
    package static let capacity = 4_096

    private struct State {
        /// The packet with ordinal n stands at n modulo the capacity.
        var entries: [Entry] = []
        var newest = 0
    }
    private let state = Mutex(State())

    package init(kind: MediaKind, source: UInt16, layer: UInt8) {
        self.kind = kind
        self.source = source
        self.layer = layer
    }

    /// Before the packet leaves. Ordinals count up by one from 0.
    package func note(_ entry: Entry) {
        state.withLock { state in
            state.newest = min(Int(entry.stamp.ordinal) % SentLog.capacity, state.entries.count)
            if state.newest < state.entries.count { state.entries[state.newest] = entry } else { state.entries.append(entry) }
        }
    }

    /// The packet with this ordinal, if it had this payload.
    package func entry(_ ordinal: UInt32, hash: UInt64) -> Entry? {
        state.withLock { state in
            let place = Int(ordinal) % SentLog.capacity
            guard place < state.entries.count, state.entries[place].stamp.ordinal == ordinal, state.entries[place].hash == hash else {
                return nil
            }
            return state.entries[place]
        }
    }

    /// The last packet with this payload that had been sent by `limit`.
    package func newest(_ hash: UInt64, by limit: Instant = .distantFuture) -> Entry? {
        state.withLock { state in
            let count = state.entries.count
            for back in 0..<count {
                let entry = state.entries[(state.newest - back + count) % count]
                if entry.hash == hash, entry.sent <= limit { return entry }
            }
            return nil
        }
    }
}

/// The logs of all streams that send recordings: what a checking receiver has in place of stamps.
package final class SentRecordings: Sendable {
    private let logs = Mutex<[SentLog]>([])

    package init() {}

    package func add(_ log: SentLog) { logs.withLock { $0.append(log) } }

    func logs(of kind: MediaKind, from source: UInt16?) -> [SentLog] {
        logs.withLock { $0.filter { $0.kind == kind && $0.source == source ?? $0.source } }
    }
}
