import MediaPrimitives

extension Entropy {
    /// From 0 to less than 1.
    func draw() -> Double { Double(next() >> 11) / Double(1 << 53) }
}
