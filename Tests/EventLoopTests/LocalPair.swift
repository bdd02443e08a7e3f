import Glibc

/// Two connected local datagram sockets, the first of them non-blocking; the other gives up after five seconds. Unlike UDP over loopback, such a pair
/// fills up and says EAGAIN. It takes no notice of UDP_SEGMENT: a run comes out as one datagram.
func localPair() -> (descriptor: Int32, reader: Int32) {
    var ends: [Int32] = [-1, -1]
    socketpair(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0, &ends)
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    var patience = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    return (ends[0], ends[1])
}

/// The next datagram of a local pair; nil after five seconds.
func readDatagram(_ descriptor: Int32) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 1 << 17)
    let n = Glibc.read(descriptor, &bytes, bytes.count)
    return n < 0 ? nil : Array(bytes[..<n])
}

/// The next datagram of a local pair, if it has two bytes, as a number.
func readNumber(_ descriptor: Int32) -> Int? {
    guard let bytes = readDatagram(descriptor), bytes.count == 2 else { return nil }
    return Int(bytes[0]) << 8 | Int(bytes[1])
}
