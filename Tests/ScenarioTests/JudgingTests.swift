import HeadlessClients
import MediaPrimitives
import ScenarioJudging
import Simulation
import Testing

@Suite("How scenarios are judged") struct JudgingTests {
    private func layers(_ rates: [Double]) -> [Oracle.Layer] { rates.enumerated().map { Oracle.Layer(index: $0, rate: $1) } }

    @Test("an oracle takes the best encoding that fits, and everybody's lowest before anybody's second")
    func oracle() {
        let camera = layers([170, 540, 1_600])
        #expect(Oracle.allocate([camera], budget: 1_600) == [2])
        #expect(Oracle.allocate([camera], budget: 1_599) == [1])
        #expect(Oracle.allocate([camera], budget: 100) == [nil])
        #expect(Oracle.allocate([camera, camera], budget: 720) == [1, 0])
        #expect(Oracle.allocate([camera, camera, camera], budget: 400) == [0, 0, nil])
        #expect(Oracle.allocate([camera, camera], budget: .infinity) == [2, 2])
        // What is not alive is not chosen, and what is left keeps its name.
        #expect(Oracle.allocate([[Oracle.Layer(index: 1, rate: 540)]], budget: 600) == [1])
        #expect(Oracle.allocate([[], camera], budget: 600) == [nil, 1])
    }

    private let thresholds = Thresholds(
        bars: ["useful": .init(least: 0.9), "frozen": .init(most: 0.5)], scenarios: ["hard": ["frozen": .init(most: 2), "useful": nil]],
        shortfalls: [.init(scenario: "known", figure: "frozen"), .init(scenario: "known", figure: "useful")])

    private func figures(frozen: Double, useful: Double) -> Figures {
        var figures = Figures()
        figures[.frozen] = frozen
        figures[.useful] = useful
        return figures
    }

    @Test("a bar that is missed fails unless it is a known shortfall; one that is met again is told of")
    func verdict() {
        var verdict = Verdict()
        verdict.judge(figures(frozen: 0.5, useful: 0.9), of: "plain", by: thresholds)
        #expect(verdict.met == 2 && verdict.missed.isEmpty)
        verdict.judge(figures(frozen: 0.51, useful: 0.89), of: "plain", by: thresholds)
        #expect(verdict.missed.map(\.figure) == [.frozen, .useful])
        verdict.judge(figures(frozen: 3, useful: 1), of: "known", by: thresholds)
        #expect(verdict.missed.count == 2 && verdict.shortfalls.map(\.figure) == [.frozen] && verdict.regained.map(\.figure) == [.useful])
        // Its own bar, and none where there is null.
        verdict.judge(figures(frozen: 2, useful: 0), of: "hard", by: thresholds)
        #expect(verdict.missed.count == 2)
        verdict.judge(figures(frozen: 2.1, useful: 0), of: "hard", by: thresholds)
        #expect(verdict.missed.count == 3)
        var never = Figures()
        never[.start] = .infinity
        verdict.judge(never, of: "plain", by: Thresholds(bars: ["start": .init(most: 5)]))
        #expect(verdict.missed.count == 4)
    }

    @Test("of several runs the worst counts, and what is counted by the minute in the mean")
    func runs() {
        let both = Figures(of: [figures(frozen: 0, useful: 0.95), figures(frozen: 1, useful: 0.8)])
        #expect(both[.frozen] == 0.5 && both[.useful] == 0.8 && both[.queue] == nil)
    }

    @Test("the committed thresholds name only what there is, and loosen no bar of all scenarios")
    func committed() throws {
        let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        let committed = try Thresholds.read("/\(folder)/Scenarios/thresholds.json")
        #expect(committed.strangers(among: ScenarioSet.all.map(\.name)) == [])
        #expect(thresholds.strangers(among: ["hard"]) == ["known", "known"])
        #expect(Set(ScenarioSet.all.map(\.name)).count == ScenarioSet.all.count)
        for (figure, bar) in [
            ("useful", Thresholds.Bar(least: 0.9)), ("start", .init(most: 5)), ("padding", .init(most: 0.1)), ("queue", .init(most: 100)),
            ("step-queue", .init(most: 250)), ("queue-over", .init(most: 2)), ("discarded", .init(most: 0)), ("frozen", .init(most: 0.5)),
            ("unfairness", .init(most: 0.15)),
        ] { #expect(committed.bars[figure] == bar) }
        #expect(committed.bar(.frozen, of: "loss-down-15") == .init(most: 2))
        #expect(
            committed.bar(.recovery, of: "step-3-0.5-3") == .init(most: 15) && committed.bar(.recovery, of: "step-1-2") == .init(most: 5))
    }

    // MARK: The meters, in a room

    private func stage(_ scenario: Scenario, isGuided: Bool = false) throws -> Figures {
        try scenario.play(seed: 5, isGuided: isGuided).figures()
    }

    @Test("a picture that stands still for a known time is frozen for that time", arguments: [600, 1_500, 3_000] as [Int64])
    func frozen(milliseconds: Int64) throws {
        let figures = try stage(.cut(for: milliseconds))
        // Repair adds a little, and the jitter buffer takes a little.
        let frozen = try #require(figures[.frozen]) * 1_000
        #expect((Double(milliseconds) - 120...Double(milliseconds) + 700).contains(frozen), "\(frozen)")
        #expect(figures[.stopped] == 0 && figures[.faults] == 0)
    }

    @Test("a picture that never moves again is frozen from then on, though a browser would not count it")
    func stopped() throws {
        let figures = try stage(.cut(for: 40_000))
        let (frozen, stopped) = try (#require(figures[.frozen]), #require(figures[.stopped]))
        #expect((39...41).contains(frozen) && (34...36).contains(stopped), "\(frozen) \(stopped)")
    }

    @Test("with an oracle in the server's place the bars are met: they can be", arguments: ["clean", "step-3-0.5-3", "two-equal-1.5"])
    func guided(name: String) throws {
        let scenario = try #require(ScenarioSet.named(name))
        let figures = try stage(scenario, isGuided: true)
        let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        var verdict = Verdict()
        verdict.judge(figures, of: name, by: try Thresholds.read("/\(folder)/Scenarios/thresholds.json"))
        #expect(verdict.missed == [] && verdict.shortfalls == [] && verdict.met >= 7)
        #expect(try #require(figures[.useful]) > 0.97)
    }

    @Test("a scenario gives the same figures each time, and others with another seed")
    func repeats() throws {
        let scenario = try #require(ScenarioSet.named("loss-down-10"))
        let runs = try [1, 1, 2].map { (seed: UInt64) in
            var board = Scoreboard()
            board.rows.append(.init(scenario: scenario.name, figures: try scenario.play(seed: seed).figures()))
            return board.json
        }
        #expect(runs[0] == runs[1] && runs[0] != runs[2])
    }
}

extension Scenario {
    /// A minute in which nothing reaches the viewer for a while, beginning at 20 s.
    fileprivate static func cut(for milliseconds: Int64) -> Scenario {
        Scenario("cut") { stage in
            try stage.publish()
            let viewer = try stage.watch()
            stage.at(20) { viewer.peer.downlink.conditions.isCut = true }
            stage.at(20 + Double(milliseconds) / 1_000) { viewer.peer.downlink.conditions.isCut = false }
        }
    }
}
