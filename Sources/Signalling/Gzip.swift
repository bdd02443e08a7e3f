import CZlib
import Foundation

/// Reads what browsers and SDKs have gzipped (RFC 1952), into memory that cannot grow beyond a limit.
enum Gzip {
    enum Failure: Error { case damaged, tooLong }

    /// One whole member and nothing behind it.
    ///
    /// - Parameter limit: bytes; a longer result is an error, found before it is held.
    static func inflated(_ data: Data, limit: Int) throws(Failure) -> Data {
        var stream = z_stream()
        // The widest window (15), and a gzip head and trailer instead of zlib's (16).
        guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { throw .damaged }
        defer { inflateEnd(&stream) }
        var input = [UInt8](data)
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        var output = Data()
        var consumed = 0
        while true {
            let before = consumed
            let (status, produced) = input.withUnsafeMutableBufferPointer { input in
                chunk.withUnsafeMutableBufferPointer { chunk in
                    stream.next_in = input.baseAddress.map { $0 + consumed }
                    stream.avail_in = UInt32(clamping: input.count - consumed)
                    stream.next_out = chunk.baseAddress
                    stream.avail_out = UInt32(clamping: chunk.count)
                    let status = inflate(&stream, Z_NO_FLUSH)
                    consumed = input.count - Int(stream.avail_in)
                    return (status, chunk.count - Int(stream.avail_out))
                }
            }
            guard output.count + produced <= limit else { throw .tooLong }
            output.append(contentsOf: chunk[..<produced])
            if status == Z_STREAM_END {
                guard consumed == input.count else { throw .damaged }
                return output
            }
            // No progress: it was cut short.
            guard status == Z_OK, produced > 0 || consumed > before else { throw .damaged }
        }
    }
}
