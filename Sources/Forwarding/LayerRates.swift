import MediaPrimitives

/// What each layer of an encoding takes by itself, smoothed over a few seconds.
struct LayerRates {
    private static let window = Interval.milliseconds(500)
    /// Spatial and temporal layers told apart; those above count with the last.
    private static let side = 4

    private var bytes = InlineArray<16, Int>(repeating: 0)
    private var rates = InlineArray<16, Int>(repeating: 0)
    private var windowStart: Instant?

    init() {}

    mutating func note(_ count: Int, spatial: UInt8, temporal: UInt8, at now: Instant) {
        let side = LayerRates.side
        bytes[min(Int(spatial), side - 1) * side + min(Int(temporal), side - 1)] &+= count
        guard let start = windowStart else {
            windowStart = now
            return
        }
        let elapsed = now - start
        guard elapsed >= LayerRates.window else { return }
        for place in 0..<16 {
            let rate = Int(Double(bytes[place] &* 8) / elapsed.seconds)
            rates[place] = rates[place] == 0 ? rate : (3 * rates[place] + rate) / 4
            bytes[place] = 0
        }
        windowStart = now
    }

    /// What comes next comes after a pause, which says nothing of the rates.
    mutating func beginAnew() {
        windowStart = nil
        for place in 0..<16 { bytes[place] = 0 }
    }

    /// Bits a second of all layers up to these.
    func rate(spatial: Int, temporal: Int) -> Int {
        var sum = 0
        for s in 0...max(0, min(spatial, LayerRates.side - 1)) {
            for t in 0...max(0, min(temporal, LayerRates.side - 1)) { sum &+= rates[s * LayerRates.side + t] }
        }
        return sum
    }
}
