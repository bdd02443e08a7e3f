import MediaPrimitives

/// The packets of one VP8 stream and what became of each on its way: what a simulated viewer and a real browser are both shown.
///
/// As text, a packet is a line, in the order of sending, and `#` begins a remark:
///
///     sequence timestamp frame index count keyframe(0, 1) bytes arrival(µs since the first was sent; - when it was lost)
package struct PacketTrace: Equatable, Sendable {
    package struct Packet: Equatable, Sendable {
        package var sequence: UInt16
        package var timestamp: UInt32
        /// Counts the stream's frames.
        package var frame: UInt32
        /// Its place in its frame, and how many packets the frame has; the last has the marker.
        package var index: Int
        package var count: Int
        package var isKeyframe: Bool
        /// Bytes of payload, descriptor included.
        package var length: Int
        /// Since the beginning; nil when it was lost.
        package var arrival: Interval?
    }

    /// In the order of sending.
    package var packets: [Packet]

    package init(packets: [Packet]) { self.packets = packets }

    // MARK: Text

    package static let remark = "# sequence timestamp frame index count keyframe bytes arrival"

    package var text: String {
        var text = PacketTrace.remark + "\n"
        for packet in packets {
            let arrival = packet.arrival.map { "\($0.nanoseconds / 1_000)" } ?? "-"
            let key = packet.isKeyframe ? 1 : 0
            text +=
                "\(packet.sequence) \(packet.timestamp) \(packet.frame) \(packet.index) \(packet.count) \(key) \(packet.length) \(arrival)\n"
        }
        return text
    }

    /// Nil when a line is not what `text` writes.
    package init?(text: String) {
        packets = []
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            let fields = line.split(separator: " ")
            guard fields.count == 8, let sequence = UInt16(fields[0]), let timestamp = UInt32(fields[1]), let frame = UInt32(fields[2]),
                let index = UInt16(fields[3]), let count = UInt16(fields[4]), index < count, let length = UInt16(fields[6])
            else { return nil }
            var arrival: Interval?
            if fields[7] != "-" {
                guard let microseconds = UInt32(fields[7]) else { return nil }
                arrival = .microseconds(Int64(microseconds))
            }
            packets.append(
                Packet(
                    sequence: sequence, timestamp: timestamp, frame: frame, index: Int(index), count: Int(count),
                    isKeyframe: fields[5] == "1", length: Int(length), arrival: arrival))
        }
    }
}
