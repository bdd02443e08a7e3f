import Foundation
import HTTPTypes
import Hummingbird
import MediaPrimitives
import NIOCore
import Negotiation
import RTP
import Rooms

/// WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): sessions over HTTP.
///
/// The order of checks is: token, type and size of the body, then the body. PATCH needs a token of the same room and identity, DELETE only
/// the session's id, which nobody can guess: encoders often leave without their token. Neither minds that a token has expired since the
/// session began, for there is no way to hand in a newer one; but one that comes must be ours, and for the same room and identity.
struct SessionRoutes: Sendable {
    let keys: TokenKeys
    let directory: RoomDirectory

    /// Offers beyond this length are refused (413).
    static let bodyLimit = 128 * 1024
    private static let offerType = "application/sdp"

    func add(to router: Router<ServerContext>) {
        router.post("/whip/:room") { request, context in try await publish(request, room: room(context)) }
        router.post("/whep/:room") { request, context in try await watch(request, room: room(context), publisher: nil) }
        router.post("/whep/:room/:publisher") { request, context in
            try await watch(request, room: room(context), publisher: try Self.parameter("publisher", context))
        }
        // A publisher may be called as the path of sessions is.
        router.post("/whep/:room/sessions") { request, context in
            try await watch(request, room: room(context), publisher: "sessions")
        }
        for path in ["/whip/:room", "/whep/:room", "/whep/:room/:publisher", "/whep/:room/sessions"] {
            refuse([.get, .put, .patch, .delete], of: RouterPath(path), allow: "POST, OPTIONS", on: router)
        }
        for role in [HTTPSession.Role.publisher, .viewer] {
            let path = RouterPath("/\(role.rawValue)/:room/sessions/:id")
            router.on(path, method: .patch) { request, context in
                try await patch(request, role, try room(context), try await session(role, request, context))
            }
            router.on(path, method: .delete) { request, context in
                let session = try await session(role, request, context)
                await directory.find(try room(context)) { room in await room.endSession(session.id, role) }
                return Response(status: .ok)
            }
            refuse([.get, .put, .post], of: path, allow: "PATCH, DELETE, OPTIONS", on: router)
        }
    }

    private func refuse(_ methods: [HTTPRequest.Method], of path: RouterPath, allow: String, on router: Router<ServerContext>) {
        for method in methods {
            router.on(path, method: method) { _, _ in
                Refusal(.methodNotAllowed, "The methods allowed here are \(allow).", headers: [.allow: allow]).response
            }
        }
    }

    // MARK: Opening

    private func publish(_ request: Request, room: String) async throws -> Response {
        let token = try await bearer(of: request)
        try token.requirePublishing(in: room)
        let offer = try await body(of: request, type: Self.offerType)
        let answer = try await directory.enter(room, identity: token.identity ?? "") { room throws(Refusal) in
            try await room.publish(token, offer: offer)
        }
        return created(answer, .publisher, room)
    }

    private func watch(_ request: Request, room: String, publisher: String?) async throws -> Response {
        let token = try await bearer(of: request)
        try token.requireSubscribing(in: room)
        let offer = try await body(of: request, type: Self.offerType)
        // Watching makes no rooms.
        let answer: Result<SessionAnswer, Refusal>? = await directory.find(room) { room in
            do throws(Refusal) { return .success(try await room.watch(token, publisher: publisher, offer: offer)) } catch {
                return .failure(error)
            }
        }
        guard let answer else {
            throw Refusal(.conflict, "Nobody publishes in this room yet. Try again soon.", headers: [.retryAfter: "2"])
        }
        return created(try answer.get(), .viewer, room)
    }

    private func created(_ answer: SessionAnswer, _ role: HTTPSession.Role, _ room: String) -> Response {
        let room = room.addingPercentEncoding(withAllowedCharacters: .unreserved) ?? ""
        return .text(
            answer.sdp, status: .created, type: Self.offerType,
            headers: [
                .location: "/\(role.rawValue)/\(room)/sessions/\(answer.id)", .eTag: answer.entityTag,
                .acceptPatch: TrickleFragmentType.name,
            ])
    }

    // MARK: Changing

    /// Candidates (204), or an ICE restart (200 with our new credentials). Candidates need no If-Match, though RFC 9725 §4.3.1 asks for it:
    /// many clients leave it out, and ours only counts them. A restart without it is refused (428), or a late fragment of the time before
    /// would undo a restart.
    private func patch(
        _ request: Request, _ role: HTTPSession.Role, _ room: String, _ session: SessionState
    ) async throws -> Response {
        let text = try await body(of: request, type: TrickleFragmentType.name)
        let fragment = try Refusal.negotiating { () throws(NegotiationError) in try TrickleFragment(parsing: text) }
        let condition = request.headers[.ifMatch]
        if let condition, !Self.matches(condition, session.entityTag) {
            throw Refusal(.preconditionFailed, "The ICE session that If-Match names is not the current one.")
        }
        guard let remote = fragment.credentials, remote != session.remote else { return Response(status: .noContent) }
        guard condition != nil else {
            throw Refusal(.preconditionRequired, "An ICE restart needs If-Match: * or the current ETag.")
        }
        let restarted = await directory.find(room) { room in
            await room.restartICE(session.id, role, replacing: session.entityTag, remote: remote)
        }
        guard let (local, entityTag) = restarted else {
            throw Refusal(.preconditionFailed, "The session has ended or was restarted meanwhile.")
        }
        return .text(fragment.restartAnswer(local: local), type: TrickleFragmentType.name, headers: [.eTag: entityTag])
    }

    /// RFC 9110 §13.1.1: `*`, or a list with the current tag in it; weak tags never match.
    private static func matches(_ condition: String, _ tag: String) -> Bool {
        condition.items.contains { $0 == "*" || $0 == tag }
    }

    private func session(
        _ role: HTTPSession.Role, _ request: Request, _ context: ServerContext
    ) async throws -> SessionState {
        let room = try room(context)
        let id = try Self.parameter("id", context)
        let mayOmitToken = request.method == .delete && request.headers[.authorization] == nil
        let token = mayOmitToken ? nil : try await keys.signed(Self.bearerText(of: request))
        guard let session = await directory.find(room, { room in await room.session(id, role) }) else {
            throw Refusal(.notFound, "There is no such session; it may have ended.")
        }
        if let token {
            try token.requireMembership(in: room)
            guard token.identity == session.identity else { throw Refusal(.forbidden, "The token is for another identity.") }
        }
        return session
    }

    // MARK: Requests

    private func bearer(of request: Request) async throws(Refusal) -> AccessToken {
        try await keys.verified(Self.bearerText(of: request), now: Date().timeIntervalSince1970)
    }

    private static func bearerText(of request: Request) throws(Refusal) -> String {
        let parts = (request.headers[.authorization] ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw Refusal(
                .unauthorized, "An access token is needed: Authorization: Bearer <token>.", headers: [.wwwAuthenticate: "Bearer"])
        }
        return String(parts[1]).trimmed
    }

    private func body(of request: Request, type: String) async throws -> String {
        let given = (request.headers[.contentType] ?? "").split(separator: ";").first.map { String($0).trimmed.lowercased() }
        guard given == type else {
            throw Refusal(
                .unsupportedMediaType, "The body must be of type \(type).",
                headers: type == Self.offerType ? [.acceptPost: type] : [.acceptPatch: type])
        }
        let tooBig = Refusal(.contentTooLarge, "The body may have \(Self.bodyLimit) bytes at most.")
        let length = request.headers[.contentLength].flatMap { Int($0) }
        if let length, length > Self.bodyLimit { throw tooBig }
        let bytes: ByteBuffer
        // What a client cut short must not be taken for an offer: where it says a length, it is held to it.
        let cutShort = Refusal(.badRequest, "The body did not arrive whole.")
        do { bytes = try await request.body.collect(upTo: Self.bodyLimit) } catch is NIOTooManyBytesError { throw tooBig } catch {
            throw cutShort
        }
        if let length, length != bytes.readableBytes { throw cutShort }
        guard let text = String(bytes: bytes.readableBytesView, encoding: .utf8), !text.isEmpty else {
            throw Refusal(.badRequest, "The body must be text of type \(type), in UTF-8.")
        }
        return text
    }

    private func room(_ context: ServerContext) throws(Refusal) -> String { try Self.parameter("room", context) }

    private static func parameter(_ name: String, _ context: ServerContext) throws(Refusal) -> String {
        guard let text = context.parameters.get(name)?.removingPercentEncoding, !text.isEmpty else {
            throw Refusal(.notFound, "The address is not a valid one.")
        }
        return text
    }
}

extension CharacterSet {
    /// RFC 3986 §2.3.
    fileprivate static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
}

extension Refusal {
    /// What negotiation refuses is refused with its status and sentence.
    static func negotiating<Answer>(_ body: () throws(NegotiationError) -> Answer) throws(Refusal) -> Answer {
        do { return try body() } catch { throw Refusal(HTTPResponse.Status(code: error.status), error.sentence) }
    }
}
