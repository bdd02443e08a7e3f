import Foundation
import HeadlessClients

/// Why a file cannot be sent, as a whole sentence.
struct UnusableFile: Error, CustomStringConvertible {
    let description: String

    init(_ sentence: String) { description = sentence }

    /// Reads a file of no more than the limit, and makes something of it.
    static func reading<Recording>(
        _ path: String, _ make: ([UInt8]) throws(RecordingError) -> Recording
    ) throws(UnusableFile) -> Recording {
        let bytes: [UInt8]
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? file.close() }
            // One more than it may have: then it is refused for its size.
            bytes = Array(try file.read(upToCount: RecordingLimits.size + 1) ?? Data())
        } catch { throw UnusableFile("\(path) could not be read: \(error.localizedDescription)") }
        do throws(RecordingError) { return try make(bytes) } catch { throw UnusableFile("\(path) \(error.description).") }
    }
}
