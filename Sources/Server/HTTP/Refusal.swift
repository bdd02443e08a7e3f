import HTTPTypes
import Hummingbird

/// A request that is not granted: the status, and a sentence for whoever reads the body.
package struct Refusal: Error, Equatable, Sendable {
    package var status: HTTPResponse.Status
    package var sentence: String
    package var headers: HTTPFields

    package init(_ status: HTTPResponse.Status, _ sentence: String, headers: HTTPFields = [:]) {
        self.status = status
        self.sentence = sentence
        self.headers = headers
    }

    package var response: Response { .text(sentence + "\n", status: status, headers: headers) }
}

extension Response {
    static func text(
        _ text: String, status: HTTPResponse.Status = .ok, type: String = "text/plain; charset=utf-8", headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = type
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}
