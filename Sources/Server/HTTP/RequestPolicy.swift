import HTTPTypes
import Hummingbird
import Logging

/// What holds for every request of a port: refusals become a status and a sentence, browsers of other origins may read what they need,
/// and each answer is counted.
struct RequestPolicy: RouterMiddleware {
    let counts: RequestCounts
    /// Whether pages of other origins may use this port.
    let crossOrigin: Bool

    private static let methods = "GET, HEAD, POST, PATCH, DELETE, OPTIONS"
    private static let exposed = "Location, Link, ETag, Retry-After, Accept-Patch"
    private static let accepted = "Authorization, Content-Type, If-Match"

    func handle(
        _ request: Request, context: ServerContext, next: @concurrent (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        var route = context.endpointPath ?? "none"
        if crossOrigin, request.method == .options {
            route = "options"
            response = Response(status: .noContent)
            response.headers[.accessControlAllowMethods] = Self.methods
            response.headers[.accessControlAllowHeaders] = Self.accepted
            response.headers[.accessControlMaxAge] = "86400"
            // RFC 9725 §4.2 and RFC 5789 §3.1: what may be posted and patched.
            if request.uri.path.hasPrefix("/whip/") || request.uri.path.hasPrefix("/whep/") {
                response.headers[.acceptPost] = "application/sdp"
                response.headers[.acceptPatch] = TrickleFragmentType.name
            }
        } else {
            do {
                response = try await next(request, context)
            } catch let refusal as Refusal {
                response = refusal.response
            } catch let error as HTTPError {
                response = Refusal(error.status, error.body ?? Self.sentence(for: error.status)).response
            } catch {
                context.logger.error("A request failed.", metadata: ["route": "\(route)", "error": "\(error)"])
                response = Refusal(.internalServerError, "The server could not answer; its log says why.").response
            }
        }
        if crossOrigin {
            response.headers[.accessControlAllowOrigin] = "*"
            response.headers[.accessControlExposeHeaders] = Self.exposed
        }
        response.headers[.xContentTypeOptions] = "nosniff"
        counts.count(route: route, status: response.status.code)
        return request.method == .head ? response.createHeadResponse() : response
    }

    private static func sentence(for status: HTTPResponse.Status) -> String {
        status == .notFound ? "Nothing is served under this address." : "\(status.reasonPhrase)."
    }
}

/// The media type of ICE fragments (RFC 8840 §9).
enum TrickleFragmentType { static let name = "application/trickle-ice-sdpfrag" }

extension HTTPField.Name {
    static let acceptPost = HTTPField.Name(known: "Accept-Post")
    static let acceptPatch = HTTPField.Name(known: "Accept-Patch")

    /// A name that is spelled in this source; the fallback is never reached by a valid one.
    init(known name: String) { self = HTTPField.Name(name) ?? .server }
}
