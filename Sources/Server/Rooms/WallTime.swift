import Foundation

/// The wall clock, as the protocol counts it.
enum WallTime {
    /// Since 1970.
    static var milliseconds: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}
