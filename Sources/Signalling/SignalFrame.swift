import Foundation
import SwiftProtobuf

/// One frame of a signalling socket. A client is answered in the encoding that it used last.
package enum SignalFrame: Sendable, Hashable {
    /// Protobuf: what the SDKs speak.
    case binary(Data)
    /// Protobuf's JSON: what a page without a protobuf library speaks.
    case text(String)

    /// The two encodings of a message.
    package enum Encoding: Sendable { case binary, text }

    package var encoding: Encoding {
        switch self {
        case .binary: .binary
        case .text: .text
        }
    }

    /// Writes `response`.
    package init(_ response: Livekit_SignalResponse, as encoding: Encoding) throws {
        switch encoding {
        case .binary: self = .binary(try response.serializedData())
        case .text: self = .text(try response.jsonString())
        }
    }

    /// Reads a request; fields and messages that we do not know are left out. Throws where it is not a message at all.
    package func request() throws -> Livekit_SignalRequest {
        switch self {
        case .binary(let data): return try Livekit_SignalRequest(serializedBytes: data, options: .known)
        case .text(let text):
            var options = JSONDecodingOptions()
            options.ignoreUnknownFields = true
            let request = try Livekit_SignalRequest(jsonString: text, options: options)
            // JSON can say what protobuf can't: an enumeration's number beyond 32 bits, say. Whoever is told of it gets it in protobuf, and so do we.
            return try Livekit_SignalRequest(serializedBytes: request.serializedData(), options: .known)
        }
    }
}

extension BinaryDecodingOptions {
    /// Fields that we do not know are passed over: to keep them costs more than to read the rest, for as many as somebody cares to send.
    static var known: Self {
        var options = Self()
        options.discardUnknownFields = true
        return options
    }
}
