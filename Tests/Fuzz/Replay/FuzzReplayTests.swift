import Foundation
import FuzzHarnesses
import Testing

@Suite("Inputs found by fuzzing")
struct FuzzReplayTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    /// The inputs kept for a harness in `Corpus` or `Crashes`, by file name.
    private static func inputs(_ folder: String, _ harness: Harness) throws -> [(name: String, bytes: [UInt8])] {
        let place = root.appending(path: "\(folder)/\(harness.name)")
        guard FileManager.default.fileExists(atPath: place.path(percentEncoded: false)) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: place.path(percentEncoded: false)).sorted().map { name in
            (name, Array(try Data(contentsOf: place.appending(path: name))))
        }
    }

    private func replay(_ inputs: [(name: String, bytes: [UInt8])], _ harness: Harness) {
        for (name, bytes) in inputs {
            #expect(bytes.count <= harness.maximumLength, "\(name) is longer than what \(harness.name) is given")
            do {
                try bytes.withUnsafeBytes { try harness.run($0) }
            } catch {
                Issue.record("\(harness.name), \(name): \(error)")
            }
        }
    }

    @Test("no seed of the corpus breaks anything", arguments: Harness.all.map(\.name))
    func corpus(name: String) throws {
        let harness = try #require(Harness.all.first { $0.name == name })
        let inputs = try Self.inputs("Corpus", harness)
        #expect(!inputs.isEmpty, "\(name) has no seeds")
        replay(inputs, harness)
    }

    @Test("no input that once broke something does so again", arguments: Harness.all.map(\.name))
    func crashes(name: String) throws {
        let harness = try #require(Harness.all.first { $0.name == name })
        replay(try Self.inputs("Crashes", harness), harness)
    }

    @Test("no seed breaks anything when it is cut short or a byte of it is another", arguments: Harness.all.map(\.name))
    func mutations(name: String) throws {
        let harness = try #require(Harness.all.first { $0.name == name })
        let inputs = try Self.inputs("Corpus", harness)
        // Some take milliseconds each, and more in debug: as many for a harness with many seeds as for one with few.
        let places = max(2, 60 / max(1, inputs.count))
        for (file, bytes) in inputs {
            for step in 0..<places {
                let at = bytes.count * step / places
                var changed = bytes
                if at < changed.count { changed[at] = changed[at] &+ UInt8(1 + 4 * step) }
                replay([("\(file) up to \(at)", Array(bytes[..<at])), ("\(file) changed at \(at)", changed)], harness)
            }
        }
    }

    #if !CORE_ONLY  // which has not all harnesses
        @Test("every folder of inputs belongs to a harness", arguments: ["Corpus", "Crashes"])
        func folders(folder: String) throws {
            let path = Self.root.appending(path: folder).path(percentEncoded: false)
            guard FileManager.default.fileExists(atPath: path) else { return }
            let known = Set(Harness.all.map(\.name))
            for name in try FileManager.default.contentsOfDirectory(atPath: path) where !name.hasPrefix(".") {
                #expect(known.contains(name), "\(folder)/\(name) belongs to no harness")
            }
        }
    #endif
}
