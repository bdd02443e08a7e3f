import Foundation

/// The work tree that these tests read, found from the place of this file.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Paths of the files below `folder` with one of `extensions`, relative to the root, sorted.
    static func files(below folder: String, extensions: Set<String>) -> [String] {
        let base = root.appending(path: folder)
        guard let walk = FileManager.default.enumerator(atPath: base.path(percentEncoded: false)) else { return [] }
        return walk.compactMap { $0 as? String }
            .filter { extensions.contains(URL(filePath: $0).pathExtension) && !$0.contains("__pycache__/") && !$0.hasPrefix("out/") }
            .map { "\(folder)/\($0)" }
            .sorted()
    }

    /// The names in `folder`, sorted; empty when there is no such folder.
    static func entries(of folder: String) -> [String] {
        let path = root.appending(path: folder).path(percentEncoded: false)
        return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    static func text(of path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path(percentEncoded: false))
    }
}
