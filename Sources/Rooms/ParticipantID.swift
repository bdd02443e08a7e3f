/// Names one participant's transport in the whole server; never used twice. The upper 8 bits are the number of its worker.
package struct ParticipantID: Hashable, Sendable {
    private static let numberBits: UInt64 = 56

    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The `number`th participant of `worker`, which is below 256.
    package init(worker: Int, number: UInt64) {
        rawValue = UInt64(truncatingIfNeeded: worker) << ParticipantID.numberBits | number & (1 << ParticipantID.numberBits - 1)
    }

    /// Whose participant it is.
    package var worker: Int { Int(truncatingIfNeeded: rawValue >> ParticipantID.numberBits) }
}
