import Forwarding
import MediaPrimitives
import Testing

@Suite("Clocks of senders")
struct ClockTests {
    private let ntp = NTPTime(unixNanoseconds: 1_700_000_000_000_000_000)

    @Test("Before the first report nothing is known")
    func unknown() {
        let clock = SenderClock(clockRate: 90_000)
        #expect(clock.ntp(of: 5) == nil && clock.timestamp(at: ntp) == nil && clock.reference == nil && clock.lastReport == nil)
        #expect(ClockOffset().remote(of: ntp) == nil)
    }

    @Test("Timestamps map to time and back, over a wrap", arguments: [UInt32(0), 1_000, 0xffff_ff00, 0x7fff_ffff])
    func mapping(timestamp: UInt32) throws {
        var clock = SenderClock(clockRate: 90_000)
        clock.note(ntp: ntp, timestamp: timestamp, at: at(0))
        for milliseconds: Int64 in [0, 1, -1, 500, -500, 60_000, 600_000, -3_600_000] {
            let moved = timestamp &+ UInt32(truncatingIfNeeded: milliseconds * 90)
            let time = try #require(clock.ntp(of: moved))
            #expect(abs(time.since(ntp).nanoseconds - milliseconds * 1_000_000) <= 1)
            let back = try #require(clock.timestamp(at: ntp.advanced(by: .milliseconds(milliseconds))))
            #expect(abs(Int64(Int32(truncatingIfNeeded: back &- moved))) <= 1)
        }
    }

    @Test("A report without a clock is remembered for LSR and maps nothing")
    func zeroNTP() {
        var clock = SenderClock(clockRate: 90_000)
        clock.note(ntp: NTPTime(rawValue: 0), timestamp: 5, at: at(3))
        #expect(clock.reference == nil && clock.lastReport?.arrival == at(3))
        clock.note(ntp: ntp, timestamp: 5, at: at(4))
        clock.note(ntp: NTPTime(rawValue: 0), timestamp: 9, at: at(5))
        #expect(clock.reference?.timestamp == 5)
    }

    @Test("Times too far from the report are not mapped, and hostile ones never trap")
    func hostile() {
        var clock = SenderClock(clockRate: 90_000)
        clock.note(ntp: ntp, timestamp: 0, at: at(0))
        #expect(clock.timestamp(at: ntp.advanced(by: .seconds(40_000))) == nil)
        #expect(clock.timestamp(at: NTPTime(rawValue: ntp.rawValue &+ 1 << 63)) == nil)
        let extremes: [UInt64] = [0, 1, .max, 1 << 63, (1 << 63) - 1, 0x8000_0000_0000_0001]
        for a in extremes {
            clock.note(ntp: NTPTime(rawValue: a), timestamp: UInt32(truncatingIfNeeded: a), at: at(0))
            for b in extremes {
                _ = clock.timestamp(at: NTPTime(rawValue: b))
                _ = clock.ntp(of: UInt32(truncatingIfNeeded: b))
                var offset = ClockOffset()
                offset.note(remote: NTPTime(rawValue: a), local: NTPTime(rawValue: b), at: at(0))
                offset.note(remote: NTPTime(rawValue: b), local: NTPTime(rawValue: a), at: Instant(nanoseconds: Int64(bitPattern: b)))
                offset.note(remote: NTPTime(rawValue: a), local: NTPTime(rawValue: a), at: .distantFuture)
                _ = offset.remote(of: NTPTime(rawValue: b))
            }
        }
    }

    @Test("Of queueing between zero and a second the offset has next to nothing")
    func queueing() throws {
        var random = Entropy.seeded(2)
        var offset = ClockOffset()
        // The participant's clock is an hour ahead.
        for second: Int64 in 0..<600 {
            let local = ntp.advanced(by: .seconds(second))
            let delay = Interval.milliseconds(second % 7 == 0 ? 2 : Int64.random(in: 2...1_000, using: &random))
            offset.note(remote: local.advanced(by: .seconds(3_600) - delay), local: local, at: at(second * 1_000))
        }
        let remote = try #require(offset.remote(of: ntp))
        let error = (remote.since(ntp) - .seconds(3_600)).milliseconds
        #expect(error <= -2 + 0.001 && error > -4)
    }

    @Test("A clock that is set by a minute is followed at once, in both directions", arguments: [Int64(60), -60])
    func clockSet(step: Int64) throws {
        var offset = ClockOffset()
        offset.note(remote: ntp, local: ntp, at: at(0))
        offset.note(remote: ntp.advanced(by: .seconds(step)), local: ntp, at: at(1_000))
        #expect(try #require(offset.remote(of: ntp)).since(ntp) == .seconds(step))
    }
}
