import CUV
import MediaPrimitives

/// How late a loop's timers fire: what its own work and the scheduler add to every deadline.
package struct LoopLag: Sendable {
    package private(set) var firings: UInt64 = 0
    package private(set) var last = Interval.zero
    package private(set) var worst = Interval.zero
    package private(set) var total = Interval.zero

    package init() {}

    mutating func note(_ lag: Interval) {
        firings &+= 1
        last = lag
        worst = max(worst, lag)
        total = total + lag
    }

    /// Zero before the first firing.
    package var mean: Interval { firings == 0 ? .zero : Interval(nanoseconds: total.nanoseconds / Int64(clamping: firings)) }
}

/// One deadline on a loop. libuv counts in milliseconds, so the timer fires up to one millisecond after its deadline, never before it.
package final class LoopTimer {
    /// Called once for each `arm`, with the time it is then.
    package var onFire: ((Instant) -> Void)?
    /// `distantFuture` while nothing is armed.
    package private(set) var deadline = Instant.distantFuture
    package private(set) var lag = LoopLag()

    private let loop: EventLoop
    private let handle: LoopHandle?
    /// The millisecond of the loop's clock at which libuv will fire.
    private var target: UInt64?

    /// On the loop's thread, or before it starts. On a loop that has ended the timer never fires.
    package init(_ loop: EventLoop) {
        loop.requireConfined()
        self.loop = loop
        handle = loop.isTornDown ? nil : LoopHandle.timer(loop.uv)
        handle?.onEvent = { [weak self] _, _ in self?.fire() }
    }

    deinit { handle?.close(on: loop) }

    /// Fires once at `deadline`, in place of what was armed before; `distantFuture` disarms. A deadline in the past fires in the next turn.
    /// Cheap when the deadline falls into the millisecond already armed.
    package func arm(at deadline: Instant) {
        loop.requireConfined()
        guard let handle, !handle.isClosed else { return }
        guard deadline < .distantFuture else {
            disarm()
            return
        }
        self.deadline = deadline
        let (whole, rest) = max(deadline.nanoseconds, 0).quotientAndRemainder(dividingBy: 1_000_000)
        let wanted = UInt64(whole) &+ (rest > 0 ? 1 : 0)
        if wanted == target { return }
        // libuv runs every timer that is due in one pass: a callback that arms for the past again and again would hold the loop in it.
        let current = uv_now(loop.uv)
        let delay = wanted > current ? wanted &- current : (loop.isInTimer ? 1 : 0)
        target = current &+ delay
        handle.startTimer(delay: delay)
    }

    package func disarm() {
        loop.requireConfined()
        deadline = .distantFuture
        target = nil
        handle?.stopTimer()
    }

    /// The lag since the last call of this.
    package func takeLag() -> LoopLag {
        defer { lag = LoopLag() }
        return lag
    }

    /// Disarms for good and lets go of the callback.
    package func close() {
        disarm()
        onFire = nil
        handle?.close()
    }

    private func fire() {
        let now = loop.now
        lag.note(now - deadline)
        deadline = .distantFuture
        target = nil
        loop.isInTimer = true
        onFire?(now)
        loop.isInTimer = false
    }
}
