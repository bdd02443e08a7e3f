import MediaPrimitives

/// What the packets of one section were, by how they came.
package struct ReceivedBytes: Sendable {
    /// Packets, and bytes on the wire: headers of IP and UDP and the authentication tag are in it.
    package struct Count: Sendable {
        package var packets = 0
        package var bytes = 0

        mutating func add(_ bytes: Int) {
            packets += 1
            self.bytes += bytes
        }
    }

    /// In their own stream, for the first time.
    package var media = Count()
    /// Sent again, and missing until then.
    package var repairs = Count()
    /// Asked for, and come already.
    package var repeats = Count()
    /// Without a payload, or sent again although nobody had asked for it and it was there.
    package var padding = Count()

    /// IPv4, UDP, and the tag of AES-GCM.
    private static let overhead = 28 + 16

    package init() {}

    package enum Kind: Sendable { case media, repair, repeated, padding }

    mutating func note(_ kind: Kind, length: Int) {
        let bytes = length + ReceivedBytes.overhead
        switch kind {
        case .media: media.add(bytes)
        case .repair: repairs.add(bytes)
        case .repeated: repeats.add(bytes)
        case .padding: padding.add(bytes)
        }
    }

    package var total: Int { media.bytes + repairs.bytes + repeats.bytes + padding.bytes }
}
