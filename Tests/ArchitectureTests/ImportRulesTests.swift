import Testing

@Suite("Imports")
struct ImportRulesTests {
    @Test("every module imports only what the table allows, and the core no Foundation")
    func importsFollowTheTable() throws {
        let sources = Repository.files(below: "Sources", extensions: ["swift"])
        #expect(sources.count > 10, "the sources were not found at \(Repository.root)")
        for path in sources {
            let module = String(path.split(separator: "/")[1])
            for found in SwiftImports.find(in: try Repository.text(of: path)) where found.module != module {
                if let objection = ImportTable.objection(to: found.module, in: module) {
                    Issue.record("\(path):\(found.line): \(objection)")
                }
            }
        }
    }

    @Test("every module in Sources is in the table or is a C module")
    func everyModuleHasARow() {
        let swiftModules = Set(Repository.files(below: "Sources", extensions: ["swift"]).map { String($0.split(separator: "/")[1]) })
        #expect(swiftModules.subtracting(ImportTable.rows.keys).isEmpty)
    }

    @Test("the table has no cycle")
    func theTableHasNoCycle() {
        var settled: Set<String> = []
        var open = Set(ImportTable.rows.keys)
        while let next = open.sorted().first(where: { ImportTable.rows[$0]?.ours.isDisjoint(with: open) == true }) {
            open.remove(next)
            settled.insert(next)
        }
        #expect(open.isEmpty)
    }

    @Test("the server reaches neither the simulation nor its seeded randomness, nor the oracle of its SRTP")
    func nothingOfTestsShips() {
        var reached: Set = ["apus"]
        while let next = reached.lazy.compactMap({ ImportTable.rows[$0]?.ours }).first(where: { !$0.isSubset(of: reached) }) {
            reached.formUnion(next)
        }
        #expect(reached.contains("Rooms"))
        #expect(reached.isDisjoint(with: ["Simulation", "CSeededRandom", "CSRTP", "ReferenceSRTP"]))
    }

    @Test(
        "an import is found in each of its spellings",
        arguments: [
            ("import RTP", "RTP"), ("package import RTP", "RTP"), ("@preconcurrency import Glibc", "Glibc"),
            ("import struct Foundation.Data", "Foundation"), ("  import Glibc // for errno", "Glibc"),
            ("@_spi(Testing) public import func Darwin.C.time", "Darwin"), ("import Foundation;", "Foundation"),
        ])
    func importSpellings(source: String, module: String) {
        #expect(SwiftImports.find(in: "// first line\n" + source) == [SwiftImport(module: module, line: 2)])
    }

    @Test(
        "a word in a comment or a string's first column is no import", arguments: ["// import Foundation", "/// import RTP", "important()"])
    func notImports(source: String) {
        #expect(SwiftImports.find(in: source).isEmpty)
    }

    @Test(
        "the table objects to what it should",
        arguments: [("RTP", "Foundation"), ("SDP", "MediaPrimitives"), ("Rooms", "EventLoop"), ("Rooms", "Glibc"), ("Nowhere", "RTP")])
    func objections(module: String, imported: String) {
        #expect(ImportTable.objection(to: imported, in: module) != nil)
    }
}
