/// The datagrams of one flight (RFC 6347 §4.2.4), bounded in bytes, none longer than the MTU.
struct Flight {
    /// A flight of ours has under 2 kB: this is only a fence.
    static let maximumSize = 16_384

    private(set) var bytes: [UInt8] = []
    /// Where each datagram ends in `bytes`.
    private(set) var ends: [Int] = []

    var isEmpty: Bool { ends.isEmpty }

    /// Takes one write of OpenSSL: whole records. They join the previous datagram where both fit (RFC 6347 §4.1.1 allows several records in a
    /// datagram); a record is never split. What is beyond the bounds is lost, as on a network.
    mutating func append(_ records: UnsafeRawBufferPointer, mtu: Int) {
        guard records.count > 0, records.count <= mtu, bytes.count + records.count <= Flight.maximumSize else { return }
        let start = ends.count >= 2 ? ends[ends.count - 2] : 0
        if let end = ends.last, end - start + records.count <= mtu { ends.removeLast() }
        bytes.append(contentsOf: records)
        ends.append(bytes.count)
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: false)
        ends.removeAll(keepingCapacity: false)
    }
}
