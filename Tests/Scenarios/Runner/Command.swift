import Foundation
import ScenarioJudging

/// Plays scenarios and holds them against thresholds; `--help` says how.
@main
struct Command {
    private static let help = """
        Scenarios [--only NAME]… [--seed N] [--seeds N] [--json FILE] [--check FILE] [--shortfalls] [--oracle] [--list]

        Plays networks in virtual time and prints what viewers see: for each scenario the worst viewer of the worst run.
          --only NAME   this one; may be given several times
          --seed N      the first seed, otherwise 1
          --seeds N     runs with so many seeds, otherwise 3
          --json FILE   writes all figures
          --check FILE  holds them against thresholds: an asterisk marks a bar that is missed, and one that is not listed as a shortfall fails
          --shortfalls  prints what is missed as the thresholds' file lists it
          --oracle      somebody who knows each network chooses what viewers get, in the server's place
          --list        names the scenarios
        Exit status: 0 done, 1 a bar was missed, 64 usage.
        """

    private var only: [String] = []
    private var seed: UInt64 = 1
    private var seeds = 3
    private var json: String?
    private var check: String?
    private var listsShortfalls = false
    private var isGuided = false

    static func main() {
        do {
            let command = try Command(Array(CommandLine.arguments.dropFirst()))
            exit(try command.run() ? 0 : 1)
        } catch let misuse as Misuse {
            print("Scenarios: \(misuse.sentence)")
            exit(64)
        } catch {
            print("Scenarios: \(error)")
            exit(1)
        }
    }

    private struct Misuse: Error {
        var sentence: String
    }

    private init(_ arguments: [String]) throws {
        var rest = arguments[...]
        func value(of option: String) throws -> String {
            guard let value = rest.popFirst() else { throw Misuse(sentence: "\(option) needs a value") }
            return value
        }
        while let option = rest.popFirst() {
            switch option {
            case "--only":
                let name = try value(of: option)
                guard ScenarioSet.named(name) != nil else { throw Misuse(sentence: "there is no scenario \(name)") }
                only.append(name)
            case "--seed":
                guard let number = UInt64(try value(of: option)) else { throw Misuse(sentence: "--seed takes a number") }
                seed = number
            case "--seeds":
                guard let number = Int(try value(of: option)), number > 0 else { throw Misuse(sentence: "--seeds takes a number above 0") }
                seeds = number
            case "--json": json = try value(of: option)
            case "--check": check = try value(of: option)
            case "--shortfalls": listsShortfalls = true
            case "--oracle": isGuided = true
            case "--help":
                print(Command.help)
                exit(0)
            case "--list":
                for scenario in ScenarioSet.all { print(scenario.name) }
                exit(0)
            default: throw Misuse(sentence: "\(option) is no option")
            }
        }
    }

    /// False where a bar is missed.
    private func run() throws -> Bool {
        let thresholds = try check.map { try Thresholds.read($0) }
        if let strangers = thresholds?.strangers(among: ScenarioSet.all.map(\.name)), !strangers.isEmpty {
            throw Misuse(sentence: "thresholds name what is not there: \(strangers.joined(separator: ", "))")
        }
        var board = Scoreboard()
        var verdict = Verdict()
        print(Scoreboard.header)
        for scenario in ScenarioSet.all where only.isEmpty || only.contains(scenario.name) {
            let figures = Figures(of: try (0..<seeds).map { try scenario.play(seed: seed &+ UInt64($0), isGuided: isGuided).figures() })
            let row = Scoreboard.Row(scenario: scenario.name, figures: figures)
            board.rows.append(row)
            print(Scoreboard.line(row, thresholds))
            if let thresholds { verdict.judge(figures, of: scenario.name, by: thresholds) }
        }
        if let json { try board.json.write(toFile: json, atomically: true, encoding: .utf8) }
        if thresholds != nil { report(verdict) }
        return verdict.missed.isEmpty
    }

    private func report(_ verdict: Verdict) {
        let sentence = { (finding: Verdict.Finding) in
            "\(finding.scenario): \(finding.figure.rawValue) is \(Scoreboard.text(finding.value)), the bar is \(finding.bar.text)"
        }
        print("\n\(verdict.met) bars are met, \(verdict.shortfalls.count) are known shortfalls, \(verdict.missed.count) are missed")
        for finding in verdict.regained { print("met again, take it off the list: \(sentence(finding))") }
        for finding in verdict.missed { print("MISSED: \(sentence(finding))") }
        guard listsShortfalls else { return }
        for finding in verdict.shortfalls + verdict.missed {
            print("        {\"scenario\": \"\(finding.scenario)\", \"figure\": \"\(finding.figure.rawValue)\"},")
        }
    }
}
