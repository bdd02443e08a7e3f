/// A UDP socket's running totals, in datagrams unless they say otherwise.
package struct UDPCounters: Sendable {
    package var received: UInt64 = 0
    /// Runs of them that the kernel has handed over as one (UDP_GRO).
    package var receivedRuns: UInt64 = 0
    /// Longer than 1500 bytes; counted in `received` too.
    package var oversized: UInt64 = 0
    package var receiveErrors: UInt64 = 0
    /// What the kernel dropped because the loop did not read in time; known with the next that arrives. A run counts once.
    package var overflowed: UInt64 = 0
    package var sent: UInt64 = 0
    /// Messages in which those left: fewer, where runs were sent as one (UDP_SEGMENT).
    package var sentMessages: UInt64 = 0
    /// Runs that the system refused, and whose datagrams were then sent singly.
    package var refusedRuns: UInt64 = 0
    /// Datagrams that the system refused (no route, refused by a filter, too long); each was skipped alone.
    package var sendErrors: UInt64 = 0
    /// Datagrams that had to wait for the socket to become writable.
    package var delayed: UInt64 = 0
    /// Datagrams that found the ring of those full.
    package var dropped: UInt64 = 0

    package init() {}
}
