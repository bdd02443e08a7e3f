import CZlib
import Foundation

/// The client's end of `Gzip`, for tests and fuzzing.
package enum Deflated {
    /// One gzip member (RFC 1952). `level`: 1 is the quickest, 9 the smallest.
    package static func gzip(_ data: Data, level: Int32 = 6) -> Data {
        var stream = z_stream()
        deflateInit2_(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        defer { deflateEnd(&stream) }
        var input = [UInt8](data)
        var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(data.count))))
        return input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                precondition(deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflateBound leaves room for all")
                return Data(output.prefix(output.count - Int(stream.avail_out)))
            }
        }
    }
}
