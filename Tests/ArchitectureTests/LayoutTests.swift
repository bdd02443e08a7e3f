import Testing

@Suite("Layout")
struct LayoutTests {
    @Test("the top level has the agreed entries and no others")
    func topLevel() {
        let agreed: Set = ["Package.swift", "Sources", "Tests", "deploy", "Benchmarks", "README.md", "LICENSE"]
        // Dot files stand beside them; Package.resolved is written by every build and never committed.
        let present = Set(Repository.entries(of: "").filter { !$0.hasPrefix(".") && $0 != "Package.resolved" })
        #expect(present == agreed)
    }

    @Test("no file is longer than 600 lines, tables of cases and generated code excepted")
    func fileLengths() throws {
        let extensions: Set = ["swift", "c", "h", "py", "js", "html", "css"]
        for path in ["Sources", "Tests", "Benchmarks", "deploy"].flatMap({ Repository.files(below: $0, extensions: extensions) }) {
            if ["Cases.swift", "Vectors.swift", "Offers.swift", ".pb.swift"].contains(where: path.hasSuffix) { continue }
            let lines = try Repository.text(of: path).utf8.count { $0 == UInt8(ascii: "\n") }
            #expect(lines <= 600, "\(path) has \(lines) lines: split it")
        }
    }
}
