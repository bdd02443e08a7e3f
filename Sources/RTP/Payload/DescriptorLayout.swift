import MediaPrimitives

/// Where in a dependency descriptor the values lie that each receiver gets anew, and how it is written with others ("RTP Payload Format For AV1",
/// A.8.2): the frame number, the ids of templates, and the mask of active decode targets, which many descriptors lack.
package struct DescriptorLayout: Hashable, Sendable {
    /// Behind the flags, where no structure comes.
    static let firstMaskPosition = 29
    /// Of template_id_offset, which begins a structure.
    private static let offsetPosition = 29
    /// A descriptor is written with at most so many bytes more than it came with.
    package static let growth = 6

    /// Where the mask lies, or would: in bits.
    private var maskPosition: UInt16 = 29
    /// Bits of the mask; 0 where nothing is known of it.
    private var targetCount: UInt8 = 0
    package private(set) var hasMask = false
    private var bringsStructure = false

    /// Of a descriptor that could not be read: only what all have alike is written anew.
    package init() {}

    init(maskPosition: Int, targetCount: Int, hasMask: Bool, bringsStructure: Bool) {
        self.maskPosition = UInt16(truncatingIfNeeded: maskPosition)
        self.targetCount = UInt8(truncatingIfNeeded: targetCount)
        self.hasMask = hasMask
        self.bringsStructure = bringsStructure
    }

    /// What of a descriptor is another for one receiver.
    package struct Changes: Hashable, Sendable {
        /// Added to the frame number.
        package var frameOffset: UInt16 = 0
        /// Added to the ids of templates, modulo 64.
        package var templateShift: UInt8 = 0
        /// The decode targets that the receiver can decode, target n as bit n; nil for all that the source says.
        package var activeTargets: UInt32?

        package init() {}
    }

    /// Writes `source`, at least 3 bytes, with `changes` to `target`, where `growth` more bytes find room. Returns how many they are.
    package func write(_ source: UnsafeRawBufferPointer, _ changes: Changes, to target: UnsafeMutableRawPointer) -> Int {
        let count = source.count
        guard count >= DependencyDescriptor.minimumLength else { return 0 }
        let out = target.assumingMemoryBound(to: UInt8.self)
        for index in DependencyDescriptor.minimumLength..<count { out[index] = source[index] }
        out[0] = source[0] & 0xc0 | (source[0] &+ changes.templateShift) & 0x3f
        let frame = UInt16(source[1]) << 8 | UInt16(source[2])
        target.storeBytes(of: (frame &+ changes.frameOffset).bigEndian, toByteOffset: 1, as: UInt16.self)
        guard bringsStructure || changes.activeTargets != nil else { return count }
        return writeRest(source, changes, to: target)
    }

    /// What of it lies at any bit.
    @inline(never)
    private func writeRest(_ source: UnsafeRawBufferPointer, _ changes: Changes, to target: UnsafeMutableRawPointer) -> Int {
        let count = source.count
        let out = target.assumingMemoryBound(to: UInt8.self)
        if bringsStructure, changes.templateShift != 0 {
            let offset = UInt8(truncatingIfNeeded: bits(6, of: source, at: DescriptorLayout.offsetPosition))
            set(UInt32(offset &+ changes.templateShift & 0x3f), 6, in: out, at: DescriptorLayout.offsetPosition)
        }
        guard let active = changes.activeTargets, targetCount > 0 else { return count }
        let (width, position) = (Int(targetCount), Int(maskPosition))
        if hasMask {
            guard position &+ width <= count &* 8 else { return count }
            set(active & bits(width, of: source, at: position), width, in: out, at: position)
            return count
        }
        let rest = max(0, count &* 8 &- position)
        let end = (position &+ width &+ rest &+ 7) >> 3
        for index in count..<max(count, end) { out[index] = 0 }
        if count == DependencyDescriptor.minimumLength { out[3] = 0 }
        // active_decode_targets_present_flag.
        out[3] |= 0x40
        set(active, width, in: out, at: position)
        var moved = 0
        while moved < rest {
            let step = min(24, rest &- moved)
            set(bits(step, of: source, at: position &+ moved), step, in: out, at: position &+ width &+ moved)
            moved = moved &+ step
        }
        return end
    }

    /// `count` bits, at most 32; 0 beyond the end.
    private func bits(_ count: Int, of source: UnsafeRawBufferPointer, at position: Int) -> UInt32 {
        var value: UInt32 = 0
        for at in position..<(position &+ count) {
            let byte = at >> 3 < source.count ? source[at >> 3] : 0
            value = value << 1 | UInt32(byte >> UInt8(truncatingIfNeeded: 7 &- at & 7) & 1)
        }
        return value
    }

    private func set(_ value: UInt32, _ count: Int, in out: UnsafeMutablePointer<UInt8>, at position: Int) {
        for index in 0..<count {
            let at = position &+ index
            let bit = UInt8(0x80) >> UInt8(truncatingIfNeeded: at & 7)
            if value >> UInt32(truncatingIfNeeded: count &- 1 &- index) & 1 == 1 { out[at >> 3] |= bit } else { out[at >> 3] &= ~bit }
        }
    }
}
