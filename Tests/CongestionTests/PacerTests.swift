import Congestion
import MediaPrimitives
import Testing

private func at(_ milliseconds: Double) -> Instant { Instant(nanoseconds: 1_000_000_000_000 + Int64(milliseconds * 1_000_000)) }

@Suite("The pacer")
struct PacerTests {
    /// Sends packets of `bytes` as soon as they may leave, for `seconds`; how many bytes that were, and the largest number at one instant.
    private func flood(_ pacer: inout Pacer, _ kind: Pacer.Kind, bytes: Int = 1_000, seconds: Double) -> (bytes: Int, burst: Int) {
        var now = at(0)
        var sent = 0
        var atOnce = 0
        var burst = 0
        while now < at(seconds * 1_000) {
            if pacer.allowance(kind, at: now) > 0 {
                pacer.note(kind, bytes: bytes, at: now)
                sent += bytes
                atOnce += bytes
                burst = max(burst, atOnce)
            } else {
                let next = pacer.next(kind, at: now)
                #expect(next > now, "waiting makes no progress")
                now = max(next, now + .microseconds(1))
                atOnce = 0
            }
        }
        return (sent, burst)
    }

    @Test("media leaves at two and a half times the target, padding at the target", arguments: [100, 1_000, 10_000, 1_000_000])
    func rates(kilobits: Int) {
        for (kind, factor) in [(Pacer.Kind.media, 2.5), (.padding, 1)] {
            var pacer = Pacer(target: .kilobits(kilobits))
            let expected = Double(kilobits) * 125 * factor * 10
            let sent = flood(&pacer, kind, seconds: 10)
            #expect(Double(sent.bytes) > expected * 0.98 && Double(sent.bytes) < expected * 1.02 + 5_000, "\(sent.bytes) of \(expected)")
            #expect(Double(sent.burst) <= max(2_400, Double(kilobits) * 1.25 * factor) + 1_100)
        }
    }

    @Test("sound never waits, and what it takes is taken from the rest")
    func sound() {
        var pacer = Pacer(target: .kilobits(100))
        for _ in 0..<50 {
            #expect(pacer.allowance(.audio, at: at(0)) > 0 && pacer.next(.audio, at: at(0)) == at(0))
            pacer.note(.audio, bytes: 200, at: at(0))
        }
        #expect(pacer.allowance(.media, at: at(0)) == 0 && pacer.allowance(.padding, at: at(0)) == 0)
        // 10,000 bytes, less the burst, at 250 kbit/s.
        let next = pacer.next(.media, at: at(0))
        #expect(next > at(230) && next < at(260))
    }

    @Test("what fits into the allowance leaves in one turn; a silence saves up no more than that")
    func burst() {
        var pacer = Pacer(target: .kilobits(4_000))
        // 10 ms at 10 Mbit/s.
        #expect(pacer.allowance(.media, at: at(0)) == 12_500)
        #expect(pacer.allowance(.media, at: at(60_000)) == 12_500)
        pacer.note(.media, bytes: 12_000, at: at(60_000))
        #expect(pacer.allowance(.media, at: at(60_000)) == 500)
        pacer.note(.media, bytes: 1_000, at: at(60_000))
        #expect(pacer.allowance(.media, at: at(60_000)) == 0)
        #expect(pacer.next(.media, at: at(60_000)) <= at(60_001))
    }

    @Test("what has waited too long leaves faster than the target says")
    func queue() {
        var pacer = Pacer(target: .kilobits(100))
        pacer.set(.kilobits(100), waiting: 500_000, at: at(0))
        let sent = flood(&pacer, .media, seconds: 1)
        #expect(sent.bytes > 450_000)
    }

    @Test("a debt is forgotten after half a second, and a target of nothing does not trap")
    func bounds() {
        var pacer = Pacer(target: .zero)
        #expect(pacer.allowance(.media, at: at(0)) == 2_400)
        pacer.note(.media, bytes: 3_000, at: at(0))
        #expect(pacer.allowance(.media, at: at(1_000_000)) == 0 && pacer.next(.media, at: at(1_000_000)) > at(1_000_000))
        pacer.set(.kilobits(1_000), waiting: 0, at: at(1_000_000))
        for _ in 0..<10_000 { pacer.note(.audio, bytes: 1_400, at: at(1_000_000)) }
        #expect(pacer.next(.media, at: at(1_000_000)) < at(1_000_600))
        #expect(pacer.allowance(.media, at: at(1_000_600)) > 0)
        // An instant from before is no time at all.
        #expect(pacer.allowance(.media, at: at(0)) > 0)
    }

    @Test("a probe begins with a picture, waits for none too long, goes at its own rate, and ends with its last byte")
    func probes() {
        let cluster = ProbeCluster(id: .init(rawValue: 9), rate: .kilobits(2_000), packets: 5, bytes: 6_000, cause: .start)
        var pacer = Pacer(target: .kilobits(500))
        pacer.begin(cluster, at: at(0))
        #expect(pacer.allowance(.padding, at: at(0)) == 0 && pacer.next(.padding, at: at(0)) == at(40))
        #expect(pacer.probe(for: .audio) == nil && pacer.probe(for: .media) == cluster.id)
        pacer.note(.audio, bytes: 100, at: at(1))
        #expect(pacer.allowance(.media, at: at(10)) > 0)
        var now = at(10)
        var sent = 0
        while pacer.probe(for: .padding) != nil {
            if pacer.allowance(sent == 0 ? .media : .padding, at: now) > 0 {
                pacer.note(sent == 0 ? .media : .padding, bytes: 1_000, at: now)
                sent += 1_000
                #expect(sent == 6_000 || pacer.probe(for: .audio) == cluster.id)
            } else {
                now = pacer.next(.padding, at: now)
            }
        }
        #expect(sent == 6_000 && now >= at(30) && now < at(31))
        // The same cluster does not begin again.
        pacer.begin(cluster, at: now)
        #expect(pacer.probe(for: .padding) == nil)
        var other = Pacer(target: .kilobits(500))
        other.begin(cluster, at: at(0))
        #expect(other.allowance(.padding, at: at(40)) > 0)
    }
}
