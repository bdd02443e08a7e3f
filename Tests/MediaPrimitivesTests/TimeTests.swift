import MediaPrimitives
import Testing

@Suite("Time")
struct TimeTests {
    @Test("Adding to an instant saturates: the distant future stays ahead of everything")
    func instantSaturates() {
        #expect(Instant.distantFuture + .milliseconds(1) == .distantFuture)
        #expect(Instant(nanoseconds: .max - 5) + .seconds(1) == .distantFuture)
        #expect(Instant(nanoseconds: 5) + .microseconds(1) == Instant(nanoseconds: 1_005))
        #expect(Instant(nanoseconds: 5) < .distantFuture)
    }

    @Test("Differences of far apart instants wrap and do not trap")
    func differences() {
        #expect((Instant(nanoseconds: 7) - Instant(nanoseconds: 10)).nanoseconds == -3)
        _ = Instant(nanoseconds: .min) - Instant(nanoseconds: .max)
        _ = Instant(nanoseconds: .min) - Interval(nanoseconds: .max)
        _ = Interval(nanoseconds: .max) * 3 + Interval.seconds(.max) - Interval.milliseconds(.min)
    }

    @Test(
        "Intervals say their length in every unit",
        arguments: [
            (Interval.seconds(2), Int64(2_000_000_000)), (Interval.milliseconds(-3), -3_000_000), (Interval.microseconds(5), 5_000),
            (Interval.zero, 0), (Interval.seconds(1) / 3, 333_333_333), (Interval.milliseconds(2) * 7, 14_000_000),
            (Interval.seconds(1) - Interval.milliseconds(1), 999_000_000),
        ] as [(Interval, Int64)])
    func units(interval: Interval, nanoseconds: Int64) {
        #expect(interval.nanoseconds == nanoseconds)
        #expect(abs(interval.milliseconds - Double(nanoseconds) / 1e6) < 1e-9)
        #expect(abs(interval.seconds - Double(nanoseconds) / 1e9) < 1e-12)
    }

    @Test(
        "The wall clock becomes NTP time",
        arguments: [
            // 1970-01-01 is 2,208,988,800 s after 1900.
            (Int64(0), UInt64(0x83aa_7e80_0000_0000)),
            (500_000_000, 0x83aa_7e80_8000_0000),
            // The era ends on 2036-02-07 at 06:28:16: 2,085,978,496 s after 1970.
            (2_085_978_495_999_999_999, 0xffff_ffff_ffff_fffb),
            (2_085_978_496_000_000_000, 0),
            (2_085_978_497_250_000_000, 0x1_4000_0000),
        ] as [(Int64, UInt64)])
    func ntp(unix: Int64, raw: UInt64) {
        #expect(NTPTime(unixNanoseconds: unix).rawValue == raw)
    }

    @Test("The middle bits are those that LSR has")
    func middle() { #expect(NTPTime(rawValue: 0x1122_3344_5566_7788).middle == 0x3344_5566) }

    @Test(
        "Distances of NTP times are signed and pass the end of an era",
        arguments: [
            (Interval.seconds(1), UInt64(0xffff_ffff_8000_0000)), (.seconds(-1), 0x0000_0000_8000_0000), (.milliseconds(1), 0),
            (.milliseconds(-1), 0), (.seconds(-86_400), 0x1234_5678_9abc_def0), (.seconds(2_000_000_000), 5), (.zero, .max),
            (.microseconds(-20), 0xe000_0000_0000_0001),
        ] as [(Interval, UInt64)])
    func ntpDistance(interval: Interval, start: UInt64) {
        let before = NTPTime(rawValue: start)
        let after = before.advanced(by: interval)
        #expect(abs(after.since(before).nanoseconds - interval.nanoseconds) <= 1)
        #expect(abs(before.since(after).nanoseconds + interval.nanoseconds) <= 1)
    }

    @Test("Hostile NTP times and intervals never trap")
    func hostileNTP() {
        let extremes: [UInt64] = [0, 1, .max, .max / 2, .max / 2 + 1, 0xffff_ffff, 1 << 63]
        for a in extremes {
            for b in extremes {
                _ = NTPTime(rawValue: a).since(NTPTime(rawValue: b))
                _ = NTPTime(rawValue: a).advanced(by: Interval(nanoseconds: Int64(bitPattern: b)))
                _ = NTPTime(unixNanoseconds: Int64(bitPattern: a))
            }
        }
    }

    @Test("The wall clock goes on from the reading that it was made with, in both directions")
    func wallClock() {
        let clock = WallClock(instant: Instant(nanoseconds: 5_000_000_000), unixNanoseconds: 1_700_000_000_000_000_000)
        #expect(clock.ntp(at: Instant(nanoseconds: 5_000_000_000)) == NTPTime(unixNanoseconds: 1_700_000_000_000_000_000))
        for offset in [Int64(-3_500_000_000), 250_000_000, 600_000_000_000] {
            let ntp = clock.ntp(at: Instant(nanoseconds: 5_000_000_000 + offset))
            #expect(abs(ntp.since(NTPTime(unixNanoseconds: 1_700_000_000_000_000_000 + offset)).nanoseconds) <= 1)
        }
    }
}
