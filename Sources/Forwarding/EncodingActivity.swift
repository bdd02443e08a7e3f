import MediaPrimitives

/// Whether an encoding is alive and how good it is, judged by what arrives and not by what was announced:
/// browsers pause layers, list them in any order, and send fewer than they offered.
package struct EncodingActivity: Sendable {
    /// Silence after which another layer is preferred. Longer than the frame interval of a slow camera.
    private static let silence = Interval.milliseconds(1_500)
    private static let window = Interval.milliseconds(500)

    package private(set) var lastArrival: Instant?
    private var windowStart = Instant(nanoseconds: 0)
    private var windowBytes = 0
    /// Smoothed over a few windows.
    package private(set) var bitsPerSecond = 0
    /// By layer, 8 times the spatial one and the temporal one: bytes of the window, and rates, smoothed like that of the whole.
    private var layerBytes = InlineArray<32, UInt32>(repeating: 0)
    private var layerRates = InlineArray<32, UInt32>(repeating: 0)
    /// Lines of the last keyframe, where the codec tells; 0 otherwise.
    package var height = 0

    package init() {}

    /// As another worker has seen it.
    package init(lastArrival: Instant?, bitsPerSecond: Int, height: Int) {
        self.lastArrival = lastArrival
        self.bitsPerSecond = bitsPerSecond
        self.height = height
        if let lastArrival { windowStart = lastArrival }
    }

    package mutating func note(bytes: Int, spatial: UInt8 = 0, temporal: UInt8 = 0, at now: Instant) {
        if lastArrival == nil { windowStart = now }
        lastArrival = now
        windowBytes += bytes
        layerBytes[Int(min(spatial, 3) << 3 | temporal & 7)] &+= UInt32(truncatingIfNeeded: bytes)
        let elapsed = now - windowStart
        guard elapsed >= EncodingActivity.window else { return }
        let rate = Int(Double(windowBytes * 8) / elapsed.seconds)
        bitsPerSecond = bitsPerSecond == 0 ? rate : (3 * bitsPerSecond + rate) / 4
        for layer in layerBytes.indices {
            let rate = UInt32(clamping: Int(Double(Int(layerBytes[layer]) * 8) / elapsed.seconds))
            layerRates[layer] = layerRates[layer] == 0 ? rate : UInt32(clamping: (3 * Int(layerRates[layer]) + Int(rate)) / 4)
            layerBytes[layer] = 0
        }
        windowStart = now
        windowBytes = 0
    }

    /// The rate of the temporal layers up to `temporal` of one spatial layer alone, in bits per second, smoothed over a few windows.
    package func bitsPerSecond(ofSpatial spatial: UInt8, temporal: UInt8) -> Int {
        (0...Int(min(temporal, 7))).reduce(0) { $0 + Int(layerRates[Int(min(spatial, 3)) << 3 | $1]) }
    }

    package func isLive(at now: Instant) -> Bool { lastArrival.map { now - $0 < EncodingActivity.silence } ?? false }

    /// Size first, as it does not waver; rate (in steps, against wavering) where the size is unknown.
    package var quality: Int { height > 0 ? height << 16 : bitsPerSecond / 50_000 }
}
