import CPrefetch

extension SRTPSession {
    /// Where that lies which encryption touches, to be asked for before it is needed. Only hints: nothing is read by these addresses.
    package struct SendingMemory {
        private static let line = 64

        let session: UnsafeRawPointer
        let ssrcs: UnsafeRawPointer
        let streams: UnsafeRawPointer
        let keys: UnsafeRawPointer

        /// Asks for all of it: the session's own fields, the streams that come first, and the keys, of whose many powers those in front are the most used.
        @inline(__always)
        package func prefetch() {
            prefetch(session, lines: 3)
            prefetch(ssrcs, lines: 1)
            prefetch(streams, lines: 3)
            prefetch(keys, lines: 8)
        }

        @inline(__always)
        private func prefetch(_ address: UnsafeRawPointer, lines: Int) {
            for line in 0..<lines { prefetch_to_write(address + line &* SendingMemory.line) }
        }
    }

    /// As it is now: it moves when a stream comes.
    package var sendingMemory: SendingMemory { sender.memory(of: UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())) }
}
