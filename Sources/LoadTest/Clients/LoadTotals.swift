/// What the clients of one loop have counted together.
package struct LoadTotals: Sendable {
    package var packets: UInt64 = 0
    package var bytes: UInt64 = 0
    /// From a packet's sending to the kernel's stamp of its arrival.
    package var delays = Histogram()
    /// From asking to join to the first media, of those who watch.
    package var joins = Histogram()
    /// From asking to join to a transport that carries media, of those who publish.
    package var publisherJoins = Histogram()
    /// From asking to join to the first whole picture.
    package var firstFrames = Histogram()
    /// From asking for a layer to its first packet.
    package var switches = Histogram()

    mutating func add(_ other: LoadTotals) {
        packets &+= other.packets
        bytes &+= other.bytes
        delays.add(other.delays)
        joins.add(other.joins)
        publisherJoins.add(other.publisherJoins)
        firstFrames.add(other.firstFrames)
        switches.add(other.switches)
    }
}

/// The same with how the loop itself fared.
package struct LoopStatistics: Sendable {
    package var totals = LoadTotals()
    /// How late timers were served.
    package var lag = Histogram()
    package var clients = 0
    package var connected = 0

    mutating func add(_ other: LoopStatistics) {
        totals.add(other.totals)
        lag.add(other.lag)
        clients += other.clients
        connected += other.connected
    }
}
