import EventLoop
import MediaPrimitives
import Testing

@Suite("Loop timer", .timeLimit(.minutes(1)))
struct LoopTimerTests {
    @Test("timers fire in the order of their deadlines, none early")
    func order() async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        await host.run { host in
            let now = host.loop.now
            host.arm("third", at: now + .milliseconds(30))
            host.arm("first", at: now + .microseconds(1_300))
            host.arm("second", at: now + .milliseconds(12))
        }
        for name in ["first", "second", "third"] {
            let fired = try #require(await events.fired())
            #expect(fired.name == name)
            #expect(fired.at >= fired.deadline)
        }
        let lag = await host.run { $0.timers["first"]?.lag }
        #expect(lag?.firings == 1)
        #expect((lag?.worst ?? .zero) >= .zero)
        #expect(lag?.last == lag?.worst && lag?.mean == lag?.worst)
        await host.stop()
    }

    @Test("deadlines within a millisecond are never early", arguments: [1, 250, 999, 1000, 1001, 1999])
    func subMillisecond(microseconds: Int64) async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        await host.run { $0.arm("timer", at: $0.loop.now + .microseconds(microseconds)) }
        let fired = try #require(await events.fired())
        #expect(fired.at >= fired.deadline)
        await host.stop()
    }

    @Test("arming again replaces the deadline, earlier or later; disarming forgets it")
    func rearm() async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        await host.run { host in
            let now = host.loop.now
            host.arm("earlier", at: now + .seconds(1000))
            host.arm("earlier", at: now + .milliseconds(1))
            host.arm("never", at: now + .milliseconds(2))
            host.timers["never"]?.disarm()
            host.arm("not now", at: now + .milliseconds(3))
            host.arm("not now", at: .distantFuture)
            host.arm("later", at: now + .milliseconds(4))
            host.arm("later", at: now + .milliseconds(20))
            host.arm("later", at: now + .milliseconds(20) + Interval(nanoseconds: 1))
        }
        for name in ["earlier", "later"] {
            let fired = try #require(await events.fired())
            #expect(fired.name == name)
            #expect(fired.at >= fired.deadline)
        }
        await host.stop()
    }

    @Test("a deadline in the past fires at once, whatever its value", arguments: [0, 1, -1, Int64.min])
    func past(nanoseconds: Int64) async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        await host.run { $0.arm("past", at: Instant(nanoseconds: nanoseconds)) }
        #expect(await events.fired()?.name == "past")
        await host.stop()
    }

    @Test("a callback that arms for the past again and again does not hold the loop")
    func pastInCallback() async throws {
        let host = try LoopHost()
        await host.run { host in
            for name in ["a", "b"] {
                let timer = LoopTimer(host.loop)
                timer.onFire = { [unowned timer] now in timer.arm(at: now - .seconds(1)) }
                timer.arm(at: host.loop.now)
                host.timers[name] = timer
            }
        }
        // Each of these needs the loop to come round.
        for _ in 0..<20 { await host.run { _ in } }
        await host.stop()
        await host.loop.ended()
    }

    @Test("a deadline beyond what milliseconds hold is armed without a trap")
    func farAway() async throws {
        let host = try LoopHost()
        await host.run { host in
            host.arm("far", at: Instant(nanoseconds: .max - 1))
            #expect(host.timers["far"]?.deadline == Instant(nanoseconds: .max - 1))
        }
        await host.stop()
    }
}
