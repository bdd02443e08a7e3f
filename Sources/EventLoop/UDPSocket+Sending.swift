import CUV
import Glibc
import MediaPrimitives

extension UDPSocket {
    /// Sends the datagrams of `batch` whose path is this socket's, in order; the others are left to their sockets. What the kernel will not take
    /// now is copied and follows as soon as it does. The batch is not cleared.
    package func send(_ batch: DatagramBatch) { send(batch, 0..<batch.count) }

    /// The same for a part of the batch.
    package func send(_ batch: DatagramBatch, _ range: Range<Int>) {
        loop.requireConfined()
        if handle.isClosed { return }
        let sender = sender
        var next = max(range.lowerBound, 0)
        let end = min(range.upperBound, batch.count)
        while next < end {
            sender.begin(manner)
            let mustWait = !pending.isEmpty
            while next < end, !sender.isFull {
                let index = next
                next &+= 1
                let path = batch[index].path
                guard path.kind == .udp, path.channel == channel else { continue }
                if mustWait { keep(batch.bytes(index), path) } else { sender.add(batch.bytes(index), to: path, source: index) }
            }
            for position in transmit()..<sender.count {
                let index = sender.source(position)
                keep(batch.bytes(index), batch[index].path)
            }
        }
        updateWatch()
    }

    private var manner: DatagramSender.Manner {
        DatagramSender.Manner(isConnected: peer != nil, isUnspecified: address.isUnspecified, makesRuns: makesRuns)
    }

    /// Sends what was gathered; returns how many datagrams are done with, less than all if the socket takes no more now.
    private func transmit() -> Int {
        var message = 0
        while message < sender.messageCount {
            let n = sender.send(from: message, by: descriptor)
            if n > 0 {
                counters.sent &+= UInt64(sender.first(message + n) - sender.first(message))
                counters.sentMessages &+= UInt64(n)
                message += n
                continue
            }
            if n == 0 || n == -Int(EAGAIN) { return sender.first(message) }
            let datagrams = sender.datagrams(of: message)
            if datagrams.count == 1 {
                // The error is about this datagram's destination or size: the next may be well.
                counters.sendErrors &+= 1
            } else {
                let done = transmitSingly(message, datagrams, refusedWith: -n)
                if done < datagrams.upperBound { return done }
            }
            message += 1
        }
        return sender.count
    }

    /// Sends a run that was refused as a whole, datagram by datagram; returns the first that is not done with.
    private func transmitSingly(_ message: Int, _ datagrams: Range<Int>, refusedWith code: Int) -> Int {
        counters.refusedRuns &+= 1
        for position in datagrams {
            let n = sender.send(position, of: message, by: descriptor)
            if n == -Int(EAGAIN) { return position }
            if n > 0 {
                counters.sent &+= 1
                counters.sentMessages &+= 1
                // The longest of them passes, so it was not the path but the segmentation: an interface that computes no checksums, an old kernel.
                if position == datagrams.lowerBound, [EIO, EINVAL, ENOPROTOOPT].contains(Int32(code)) { makesRuns = false }
            } else {
                counters.sendErrors &+= 1
            }
        }
        return datagrams.upperBound
    }

    // MARK: Waiting

    private func keep(_ bytes: UnsafeRawBufferPointer, _ path: Path) {
        if pending.append(bytes, to: path) { counters.delayed &+= 1 } else { counters.dropped &+= 1 }
    }

    /// The socket is writable: what waits goes first.
    func flush() {
        while !pending.isEmpty {
            sender.begin(manner)
            while !sender.isFull, let (bytes, path) = pending.peek(sender.count) { sender.add(bytes, to: path, source: sender.count) }
            let done = transmit()
            pending.removeFirst(done)
            if done < sender.count { break }
        }
        updateWatch()
    }

    private func updateWatch() {
        guard awaitsWritable == pending.isEmpty else { return }
        awaitsWritable = !pending.isEmpty
        watch()
    }
}
