import MediaPrimitives

/// How many layers of a publication, from the lowest, its publisher is told to send. More at once; fewer when nobody has wanted them for a while, so
/// that whoever looks away for a moment finds them still there, and whoever wavers does not have an encoder waver.
///
/// A layer goes off once in `patience` at most, and on as often: that bounds what is told.
package struct LayerDemand {
    package static let patience = Interval.seconds(4)
    /// A layer that somebody is still sent, though he wants a lower one, waits for his switch; it is looked at again after so long.
    package static let retry = Interval.milliseconds(250)

    /// What was told last; all, in the beginning.
    package private(set) var told: Int
    /// Since when nobody has wanted each layer; `distantFuture` where somebody does.
    private var unwantedSince: [Instant]
    /// When there may be something to tell, if nothing changes before.
    package private(set) var nextDeadline = Instant.distantFuture

    package init(layers: Int) {
        told = layers
        unwantedSince = Array(repeating: .distantFuture, count: layers)
    }

    /// Takes how many layers are `wanted` now, and how many are `served`: sent to somebody. Returns how many the publisher is to be told of, if that has changed.
    package mutating func update(wanted: Int, served: Int, at now: Instant) -> Int? {
        for layer in unwantedSince.indices {
            if layer < wanted { unwantedSince[layer] = .distantFuture } else { unwantedSince[layer] = min(unwantedSince[layer], now) }
        }
        var layers = told
        while layers > 0, unwantedSince[layers - 1] + LayerDemand.patience <= now { layers -= 1 }
        let kept = max(layers, min(told, served))
        let next = max(kept, min(wanted, unwantedSince.count))
        nextDeadline =
            next <= wanted ? .distantFuture : kept > layers ? now + LayerDemand.retry : unwantedSince[next - 1] + LayerDemand.patience
        guard next != told else { return nil }
        told = next
        return next
    }
}
