import Forwarding
import MediaPrimitives
import Testing

@Suite("Layers")
struct LayerTests {
    private func live(_ quality: Int) -> LayerState { LayerState(isLive: true, quality: quality) }
    private let dead = LayerState(isLive: false, quality: 9_999)

    @Test("The best live layer is wanted, in whatever order they are, and the switch waits for its keyframe")
    func switches() {
        var selector = LayerSelector()
        let first = selector.decide(layer: 0, isSwitchPoint: true)
        #expect(first == .drop(.awaitingKeyframe))
        let needed = selector.choose(among: [live(100), live(400), dead])
        #expect(needed == 1)
        let decisions = [
            selector.decide(layer: 0, isSwitchPoint: true), selector.decide(layer: 1, isSwitchPoint: false),
            selector.decide(layer: 1, isSwitchPoint: true), selector.decide(layer: 1, isSwitchPoint: false),
        ]
        #expect(decisions == [.drop(.otherLayer), .drop(.awaitingKeyframe), .switchHere, .forward])
        let satisfied = selector.choose(among: [live(100), live(400), dead])
        #expect(satisfied == nil)
    }

    @Test("Until the better layer's keyframe the old one goes on")
    func goesOn() {
        var selector = LayerSelector()
        _ = selector.choose(among: [live(100), dead])
        _ = selector.decide(layer: 0, isSwitchPoint: true)
        let needed = selector.choose(among: [live(100), live(400)])
        #expect(needed == 1)
        let decisions = [selector.decide(layer: 0, isSwitchPoint: false), selector.decide(layer: 1, isSwitchPoint: false)]
        #expect(decisions == [.forward, .drop(.awaitingKeyframe)])
        let again = selector.choose(among: [live(100), dead])
        #expect(again == nil && selector.current == 0 && selector.target == 0)
    }

    @Test(
        "With a maximum the highest live layer up to it is taken, or else the lowest that is live",
        arguments: [
            ([true, true, true], 1, 1), ([true, true, true], 9, 2), ([true, false, true], 1, 0), ([false, true, true], 0, 1),
            ([false, false, true], 1, 2), ([true, true, true], -1, 0), ([false, false, false], 1, 0),
        ] as [([Bool], Int, Int)])
    func maximum(isLive: [Bool], maximum: Int, expected: Int) {
        var selector = LayerSelector()
        // Measured rates may be whatever they like.
        let needed = selector.choose(among: isLive.enumerated().map { LayerState(isLive: $1, quality: 100 - $0) }, maximum: maximum)
        #expect(needed == expected)
    }

    @Test("A muted publisher changes nothing: after ten minutes the same layer goes on")
    func muted() {
        var selector = LayerSelector()
        _ = selector.choose(among: [live(100), live(400)])
        _ = selector.decide(layer: 1, isSwitchPoint: true)
        for _ in 0..<2_400 {
            let needed = selector.choose(among: [dead, dead])
            #expect(needed == nil)
        }
        let decision = selector.decide(layer: 1, isSwitchPoint: false)
        #expect(decision == .forward)
    }

    @Test("With nothing live yet the first is waited for, and of no layers none")
    func nothingLive() {
        var selector = LayerSelector()
        check(selector.choose(among: []) == nil)
        #expect(selector.target == nil)
        check(selector.choose(among: [dead, dead]) == 0)
    }

    @Test("Rates that waver do not make it switch to and fro")
    func hysteresis() {
        var selector = LayerSelector()
        _ = selector.choose(among: [live(20), live(22)])
        #expect(selector.target == 1)
        _ = selector.choose(among: [live(27), live(22)])
        #expect(selector.target == 1)
        _ = selector.choose(among: [live(28), live(22)])
        #expect(selector.target == 0)
        _ = selector.choose(among: [live(720 << 16), live(1_080 << 16)])
        #expect(selector.target == 1)
    }

    @Test("After a restart the next packet must be a keyframe")
    func restart() {
        var selector = LayerSelector()
        _ = selector.choose(among: [live(1)])
        _ = selector.decide(layer: 0, isSwitchPoint: true)
        selector.restart()
        let decision = selector.decide(layer: 0, isSwitchPoint: true)
        #expect(decision == .drop(.awaitingKeyframe) && selector.current == nil)
    }

    @Test("A keyframe that does not come: what there is goes on, and where nothing is, the next lower layer stands in")
    func fallback() {
        var selector = LayerSelector()
        let all = [live(100), live(400), live(900)]
        check(selector.aim(at: LayerTarget(encoding: 2), at: at(0)) == 2)
        check(selector.review(among: all, at: at(2_499)) == nil)
        #expect(selector.status(isLive: true).reason == .awaitingKeyframe)
        // Its key frames do not count yet.
        check(selector.decide(layer: 1, isSwitchPoint: true) == .drop(.otherLayer))
        check(selector.review(among: all, at: at(2_500)) == 1)
        #expect(selector.status(isLive: true).reason == .keyframeOverdue && selector.status(isLive: true).since == at(0))
        check(selector.decide(layer: 1, isSwitchPoint: false) == .drop(.awaitingKeyframe))
        check(selector.decide(layer: 1, isSwitchPoint: true) == .switchHere)
        // The wanted one is still welcome, and nothing else any more.
        check(selector.review(among: all, at: at(3_000)) == nil)
        check(selector.decide(layer: 0, isSwitchPoint: true) == .drop(.otherLayer))
        #expect(selector.status(isLive: true).current == LayerTarget(encoding: 1))
        check(selector.decide(layer: 2, isSwitchPoint: true) == .switchHere)
        check(selector.review(among: all, at: at(3_250)) == nil)
        #expect(selector.status(isLive: true).reason == .reached && selector.status(isLive: true).since == nil)
        // From a layer that lives nothing else is sought; from one that has died it is.
        check(selector.aim(at: LayerTarget(encoding: 1), at: at(4_000)) == 1)
        check(selector.review(among: all, at: at(9_000)) == nil)
        #expect(selector.status(isLive: true).reason == .keyframeOverdue && selector.current == 2)
        check(selector.review(among: [live(100), live(400), dead], at: at(9_250)) == 0)
        #expect(selector.status(isLive: false).reason == .notLive)
    }

    @Test("A selector takes no more room than it may beside what else the fan-out reads")
    func size() { #expect(MemoryLayout<LayerSelector>.size <= 16) }

    @Test("A target is reached step by step, and says for what it waits")
    func reasons() {
        var selector = LayerSelector()
        #expect(selector.status(isLive: true).reason == .paused)
        check(selector.aim(at: LayerTarget(encoding: 0, spatial: 9, temporal: 1), at: at(0)) == 0)
        #expect(selector.wanted == LayerTarget(encoding: 0, spatial: 7, temporal: 1))
        check(selector.decide(layer: 0, isSwitchPoint: true) == .switchHere)
        #expect(selector.status(isLive: true).current == LayerTarget(encoding: 0, temporal: 1))
        check(selector.aim(at: LayerTarget(encoding: 0, temporal: 2), at: at(10)) == nil)
        #expect(selector.status(isLive: true).reason == .awaitingSwitchPoint)
        check(selector.aim(at: LayerTarget(encoding: 0, temporal: 0), at: at(20)) == nil)
        #expect(selector.status(isLive: true).reason == .awaitingPicture && selector.status(isLive: true).since == at(20))
        // Most spatial layers need no keyframe to be left, and all to be entered.
        check(selector.aim(at: LayerTarget(encoding: 0, spatial: 1, temporal: 1), at: at(30)) == nil)
        #expect(selector.status(isLive: true).reason == .awaitingKeyframe)
        check(selector.review(among: [live(100)], at: at(229)) == nil)
        check(selector.review(among: [live(100)], at: at(230)) == 0)
        check(selector.aim(at: .nothing, at: at(40)) == nil)
        #expect(selector.status(isLive: true).reason == .paused && selector.status(isLive: true).current.encoding == 0)
    }

    @Test("A layer has ended when several of its frames are missing and another has come all the time, not when all have paused")
    func endings() {
        var (ended, other) = (EncodingActivity(), EncodingActivity())
        for time in stride(from: Int64(0), to: 3_000, by: 33) {
            if time < 2_000 { ended.note(bytes: 1_000, endsFrame: true, at: at(time)) }
            other.note(bytes: 100, endsFrame: true, at: at(time))
        }
        let last = at(1_980)
        #expect(ended.silence(at: at(2_379)) == nil && ended.silence(at: at(2_380)) == last)
        #expect(other.hasFlowed(since: last, at: at(3_000)) && !other.hasFlowed(since: last, at: at(3_300)))
        // Both pause, and one comes back a moment earlier.
        other.note(bytes: 100, endsFrame: true, at: at(3_500))
        #expect(!other.hasFlowed(since: last, at: at(3_500)))
        // Five frames a second: a second and a half is no long silence.
        var slow = EncodingActivity()
        for time in stride(from: Int64(0), to: 6_000, by: 200) { slow.note(bytes: 1_000, endsFrame: true, at: at(time)) }
        #expect(slow.silence(at: at(5_800 + 1_500)) == nil && slow.silence(at: at(5_800 + 2_500)) != nil)
    }

    @Test("Of two encodings the larger is better; where the size of one is not known, the one with the higher rate")
    func unknownSize() throws {
        var (large, small) = (EncodingActivity(), EncodingActivity())
        for time: Int64 in 0..<1_000 where time % 20 == 0 {
            large.note(bytes: 1_000, endsFrame: true, at: at(time))
            small.note(bytes: 400, endsFrame: true, at: at(time))
        }
        small.height = 180
        #expect(large.quality < small.quality && large.qualityByRate > small.qualityByRate)
        large.height = 720
        #expect(large.quality > small.quality)
    }

    @Test("What is sent again of a layer that has ended does not keep it alive")
    func repairs() {
        var ended = EncodingActivity()
        for time in stride(from: Int64(0), to: 2_000, by: 33) { ended.note(bytes: 1_000, endsFrame: true, at: at(time)) }
        for time in stride(from: Int64(2_000), to: 3_400, by: 50) { ended.note(bytes: 1_000, isLate: true, at: at(time)) }
        #expect(ended.silenceBegin == at(2_380))
        #expect(ended.silence(at: at(2_379)) == nil && ended.silence(at: at(2_380)) == at(1_980))
        #expect(!ended.isLive(at: at(3_480)))
    }

    @Test("Headers are counted by packets: those of small ones are a larger share")
    func overhead() {
        var (small, large) = (EncodingActivity(), EncodingActivity())
        #expect(small.overhead == 0.05)
        for time: Int64 in 0..<1_000 where time % 20 == 0 {
            small.note(bytes: 400, endsFrame: true, at: at(time))
            large.note(bytes: 1_000, endsFrame: true, at: at(time))
        }
        #expect(small.overhead == 0.1 && large.overhead == 0.04)
    }

    @Test("A layer lives while packets come, and for a second and a half")
    func activity() {
        var activity = EncodingActivity()
        #expect(!activity.isLive(at: at(0)) && activity.quality == 0)
        for time: Int64 in 0..<2_000 where time % 20 == 0 { activity.note(bytes: 250, at: at(time)) }
        #expect(activity.isLive(at: at(3_479)) && !activity.isLive(at: at(3_480)))
        #expect((90_000...110_000).contains(activity.bitsPerSecond))
        #expect(activity.quality == activity.bitsPerSecond / 50_000)
        activity.height = 360
        #expect(activity.quality > 1_000_000)
        activity.note(bytes: 100, at: at(600_000))
        #expect(activity.isLive(at: at(600_001)))
        // Out of order, and far in the future.
        activity.note(bytes: 1_488, at: at(0))
        activity.note(bytes: 1_488, at: .distantFuture)
    }
}
