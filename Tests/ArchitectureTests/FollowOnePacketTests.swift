import Testing

@Suite("FollowOnePacket.md")
struct FollowOnePacketTests {
    static let document = "Sources/apus/Apus.docc/FollowOnePacket.md"

    @Test("names files that exist, and functions that stand in them")
    func everyStepExists() throws {
        let findings = PacketWalk.read(try Repository.text(of: Self.document))
        #expect(!findings.steps.isEmpty, "the document names no function: it follows nothing")
        #expect(findings.homeless.isEmpty, "functions named before any file, in lines \(findings.homeless)")
        for file in findings.files {
            #expect(file.hasPrefix("Sources/"), "\(file) should be named by its path from the root")
            #expect(Repository.exists(file), "\(Self.document) names \(file), which does not exist")
        }
        for step in findings.steps where Repository.exists(step.file) {
            let declared = PacketWalk.declares(step.function, in: try Repository.text(of: step.file))
            #expect(declared, "\(Self.document):\(step.line): \(step.file) declares no \(step.function)")
        }
    }

    @Test("is read as written: functions belong to the file before them in the paragraph")
    func reading() {
        let findings = PacketWalk.read("1. `Sources/A/B.swift`: `read(from:)`,\n   then `C.write(` with `plain words`.\n\n`lost(_:)`")
        #expect(findings.files == ["Sources/A/B.swift"])
        #expect(
            findings.steps == [
                .init(file: "Sources/A/B.swift", function: "read", line: 1), .init(file: "Sources/A/B.swift", function: "write", line: 2),
            ])
        #expect(findings.homeless == [4])
    }

    @Test(
        "a function counts as declared only by its whole name",
        arguments: [
            ("read", "func read(from: Int)", true), ("read", "func reading(x: Int)", false), ("read", "read()", false),
            ("map", "func map<T>(_: T)", true), ("init", "init?(_ x: Int)", true), ("init", "func start()", false),
        ])
    func declarations(name: String, source: String, expected: Bool) {
        #expect(PacketWalk.declares(name, in: source) == expected)
    }
}
