import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// Requests and answers in JSON.
enum JSONBody {
    private static let type = "application/json"

    /// The request's body. Refuses another type (415), more than `limit` bytes (413), and what is not the JSON that is expected (400).
    static func decoded<Value: Decodable>(_ value: Value.Type, from request: Request, limit: Int) async throws -> Value {
        let given = (request.headers[.contentType] ?? "").split(separator: ";").first.map { String($0).trimmed.lowercased() }
        guard given == type else { throw Refusal(.unsupportedMediaType, "The body must be of type \(type).", headers: [.acceptPost: type]) }
        let tooBig = Refusal(.contentTooLarge, "The body may have \(limit) bytes at most.")
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit { throw tooBig }
        let bytes: ByteBuffer
        do { bytes = try await request.body.collect(upTo: limit) } catch is NIOTooManyBytesError { throw tooBig } catch {
            throw Refusal(.badRequest, "The body did not arrive whole.")
        }
        do { return try JSONDecoder().decode(value, from: Data(bytes.readableBytesView)) } catch {
            throw Refusal(.badRequest, "The body is not the JSON object that is expected here.")
        }
    }

    /// An answer that nobody keeps: it may hold a token.
    static func response(_ value: some Encodable, status: HTTPResponse.Status) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
        return .text(text, status: status, type: type, headers: [.cacheControl: "no-store"])
    }
}
