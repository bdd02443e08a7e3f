/// What somebody who knew everything would send: the encodings that fit, discrete as they are.
package enum Oracle {
    package struct Layer: Sendable {
        package var index: Int
        /// Bits a second on the wire.
        package var rate: Double

        package init(index: Int, rate: Double) {
            self.index = index
            self.rate = rate
        }
    }

    /// For each screen the encoding that it gets; nil for none. Everybody gets the lowest before anybody gets more, the first screens first.
    package static func allocate(_ screens: [[Layer]], budget: Double) -> [Int?] {
        var chosen = [Int?](repeating: nil, count: screens.count)
        var rest = budget
        for rung in 0..<(screens.map(\.count).max() ?? 0) {
            for (screen, layers) in screens.enumerated() where rung < layers.count && (rung == 0 || chosen[screen] == rung - 1) {
                let more = layers[rung].rate - (rung == 0 ? 0 : layers[rung - 1].rate)
                guard more <= rest else { continue }
                rest -= more
                chosen[screen] = rung
            }
        }
        return zip(screens, chosen).map { layers, rung in rung.map { layers[$0].index } }
    }
}
