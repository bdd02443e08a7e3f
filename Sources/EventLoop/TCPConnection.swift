import CNetwork
import CUV
import Glibc
import MediaPrimitives

/// One accepted connection: a descriptor, the beginning of an unfinished frame, and what the peer has not taken yet.
final class TCPConnection {
    let channel: UInt32
    let path: Path
    let descriptor: Int32
    let handle: LoopHandle
    /// When it is closed unless something happens; moves with each frame once the owner has confirmed the connection.
    var lastActivity: Instant
    var isConfirmed = false
    /// Frames were appended since the last flush.
    var isDirty = false

    /// The bytes of a frame whose rest has not come yet; at most a length and a frame.
    private var partial: [UInt8] = []
    private var outgoing: UnsafeMutableRawPointer?
    private var capacity = 0
    private var start = 0
    private var end = 0
    private var awaitsWritable = false
    private var hasFailed = false

    private static let initialCapacity = 16 << 10

    init(path: Path, descriptor: Int32, handle: LoopHandle, at now: Instant) {
        channel = path.channel
        self.path = path
        self.descriptor = descriptor
        self.handle = handle
        lastActivity = now
    }

    deinit { outgoing?.deallocate() }

    // MARK: Receiving

    /// Puts the unfinished frame at the start of `slab` and forgets it; returns its length.
    func takePartial(into slab: UnsafeMutableRawPointer) -> Int {
        let count = partial.count
        partial.withUnsafeBytes { bytes in
            if let from = bytes.baseAddress { slab.copyMemory(from: from, byteCount: count) }
        }
        partial.removeAll(keepingCapacity: true)
        return count
    }

    func keepPartial(_ bytes: UnsafeRawBufferPointer) { partial.append(contentsOf: bytes) }

    // MARK: Sending

    /// Bytes that wait for the peer.
    var pendingBytes: Int { end - start }

    /// Queues a whole frame, its length before it (RFC 4571 §2); false if that would pass `limit` bytes in the queue.
    func append(_ frame: UnsafeRawBufferPointer, limit: Int) -> Bool {
        guard !hasFailed, let from = frame.baseAddress, (1...ReceiveBatch.maximumLength).contains(frame.count) else { return false }
        let needed = 2 + frame.count
        guard pendingBytes + needed <= limit, let to = reserve(needed) else { return false }
        to.storeBytes(of: UInt16(truncatingIfNeeded: frame.count).bigEndian, as: UInt16.self)
        (to + 2).copyMemory(from: from, byteCount: frame.count)
        end += needed
        return true
    }

    /// Room for `needed` bytes at the end of the queue.
    private func reserve(_ needed: Int) -> UnsafeMutableRawPointer? {
        if let outgoing, end + needed <= capacity { return outgoing + end }
        let pending = pendingBytes
        if let outgoing, pending + needed <= capacity / 2 {
            // Half of it is free: moving is cheaper than growing.
            outgoing.copyMemory(from: outgoing + start, byteCount: pending)
        } else {
            var wanted = max(capacity, TCPConnection.initialCapacity)
            while wanted / 2 < pending + needed { wanted *= 2 }
            let grown = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: 16)
            if let outgoing {
                grown.copyMemory(from: outgoing + start, byteCount: pending)
                outgoing.deallocate()
            }
            outgoing = grown
            capacity = wanted
        }
        start = 0
        end = pending
        return outgoing.map { $0 + pending }
    }

    /// Writes what the system takes and watches for the moment it takes more. An error is not reported here: the poll brings it in the next turn,
    /// so that no sender is called back in the middle of sending.
    func flush() {
        guard let outgoing, !handle.isClosed else { return }
        while start < end {
            let n = apus_tcp_send(descriptor, outgoing + start, UInt64(end - start))
            if n > 0 {
                start += n
            } else if n == -Int(EINTR) {
                continue
            } else if n == 0 || n == -Int(EAGAIN) {
                break
            } else {
                hasFailed = true
                start = end
            }
        }
        if start == end {
            start = 0
            end = 0
            if capacity > 4 * TCPConnection.initialCapacity {
                // A stall is over; the memory it took is given back.
                outgoing.deallocate()
                self.outgoing = nil
                capacity = 0
            }
        }
        if awaitsWritable != (start < end) {
            awaitsWritable = start < end
            watch()
        }
    }

    func watch() {
        handle.watch(Int32(UV_READABLE.rawValue) | (awaitsWritable ? Int32(UV_WRITABLE.rawValue) : 0))
    }
}
