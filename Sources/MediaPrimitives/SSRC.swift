/// A synchronisation source identifier (RFC 3550 §3).
@frozen @usableFromInline
package struct SSRC: Hashable, Comparable, Sendable, CustomStringConvertible {
    @usableFromInline package var rawValue: UInt32

    @inlinable package init(_ rawValue: UInt32) { self.rawValue = rawValue }
    @inlinable package static func < (a: SSRC, b: SSRC) -> Bool { a.rawValue < b.rawValue }
    @usableFromInline package var description: String { String(rawValue) }
}
