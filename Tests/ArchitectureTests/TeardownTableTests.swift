import Testing

@Suite("The teardown tables") struct TeardownTableTests {
    static let document = "Sources/apus/Apus.docc/Architecture.md"

    @Test("each row names a scenario, and each scenario that is named exists")
    func everyRowIsShown() throws {
        let rows = TeardownTable.rows(of: try Repository.text(of: Self.document))
        #expect(rows.count >= 15, "the tables were not found")
        var sentences: Set<String> = []
        for path in Repository.files(below: "Tests", extensions: ["swift"]) where !path.hasPrefix("Tests/ArchitectureTests/") {
            sentences.formUnion(TeardownTable.sentences(of: try Repository.text(of: path)))
        }
        for row in rows {
            #expect(!row.scenarios.isEmpty, "\(Self.document):\(row.line): nothing shows what is said of \(row.name)")
            for scenario in row.scenarios {
                #expect(sentences.contains(scenario), "\(Self.document):\(row.line): no test is called \"\(scenario)\"")
            }
        }
    }

    @Test("every class of the core that owns others has a row")
    func everyOwnerHasARow() throws {
        let names = Set(TeardownTable.rows(of: try Repository.text(of: Self.document)).map(\.name))
        for path in Repository.files(below: "Sources/Rooms", extensions: ["swift"]) {
            for name in TeardownTable.classes(of: try Repository.text(of: path)) where !TeardownTable.ownsNothing.contains(name) {
                #expect(names.contains("`\(name)`"), "\(path): \(name) has no row in \(Self.document)")
            }
        }
    }

    @Test("tables are read as written")
    func reading() {
        let text = """
            | owner | shown by |
            |---|---|
            | `A` | "one thing", "another" |
            | `B` | nothing |

            | other | table |
            |---|---|
            | `C` | "no scenario" |
            """
        #expect(
            TeardownTable.rows(of: text) == [
                .init(name: "`A`", scenarios: ["one thing", "another"], line: 3), .init(name: "`B`", scenarios: [], line: 4),
            ])
        #expect(
            TeardownTable.sentences(of: "@Test(\"one\") @Test(\n    \"two\", arguments: [1]) @Test @Test(.serialized)") == ["one", "two"])
        #expect(TeardownTable.classes(of: "package final class A {\n  final class B: C {\n// a class of its own\nstruct D") == ["A", "B"])
    }
}
