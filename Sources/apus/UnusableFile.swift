import Foundation
import HeadlessClients
import Server

/// Why a file cannot be sent, or written, as a whole sentence.
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
        } catch { throw UnusableFile("\(path) could not be read: \(FileTrouble.reason(error)).") }
        do throws(RecordingError) { return try make(bytes) } catch { throw UnusableFile("\(path) \(error.description).") }
    }

    /// Opens a file to be written at the end, which is too late to find that it cannot be. What is in it stays until then.
    static func writing(_ path: String) throws(UnusableFile) -> FileHandle {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw UnusableFile("\(path) could not be written: \(FileTrouble.reason(code: errno)).") }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }
}
