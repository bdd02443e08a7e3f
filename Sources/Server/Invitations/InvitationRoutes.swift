import Foundation
import HTTPTypes
import Hummingbird
import MediaPrimitives

/// What the web app asks for: a new room with its invitation, and a personal access token for an invitation.
struct InvitationRoutes: Sendable {
    let keys: TokenKeys
    /// The name of the key that signs.
    let key: String
    let lifetime: Interval
    let directory: RoomDirectory
    let allowance: RoomAllowance
    /// The allowance is each client's own, also behind these.
    let proxies: TrustedProxies

    /// Of a request's body, bytes.
    private static let bodyLimit = 16 * 1024
    private static let nameLength = 64
    private static let titleLength = 100
    /// Of the access token that an invitation is exchanged for, seconds: what LiveKit's SDKs give.
    private static let tokenLifetime: Double = 6 * 3600

    func add(to router: Router<ServerContext>) {
        router.post("/api/rooms") { request, context in try await create(request, address: context.client(of: request, behind: proxies)) }
        router.post("/api/join") { request, _ in try await join(request) }
    }

    // MARK: Making a room

    private struct RoomRequest: Decodable {
        var title: String?
    }

    private struct RoomAnswer: Encodable {
        var room: String
        var invitation: String
        /// Relative to the origin that was asked: the fragment never reaches a server's log.
        var link: String
        /// Seconds since 1970.
        var expires: Double
    }

    private func create(_ request: Request, address: ClientAddress) async throws -> Response {
        let asked = try await JSONBody.decoded(RoomRequest.self, from: request, limit: Self.bodyLimit)
        guard let title = Self.shown(asked.title ?? "", length: Self.titleLength) else {
            throw Refusal(.badRequest, "A room's title may have \(Self.titleLength) characters at most.")
        }
        guard await directory.acceptsNewRooms else {
            throw Refusal(.serviceUnavailable, "The server is shutting down and opens no new rooms.", headers: [.retryAfter: "10"])
        }
        if let seconds = allowance.take(address, now: .now) {
            throw Refusal(
                .tooManyRequests, "Too many rooms were made from this address. Try again in \(seconds) s.",
                headers: [.retryAfter: String(seconds)])
        }
        let invitation = Invitation(
            room: Entropy.system().urlText(16), title: title.isEmpty ? nil : title, now: Date().timeIntervalSince1970,
            validFor: lifetime.seconds)
        guard let signed = await keys.sign(invitation, key: key) else { throw Self.unsigned }
        return try JSONBody.response(
            RoomAnswer(room: invitation.room, invitation: signed, link: "/#\(signed)", expires: invitation.exp), status: .created)
    }

    // MARK: Joining it

    private struct JoinRequest: Decodable {
        var invitation: String
        var name: String?
    }

    private struct JoinAnswer: Encodable {
        var token: String
        var room: String
        var identity: String
        var name: String
        var title: String?
    }

    private func join(_ request: Request) async throws -> Response {
        let asked = try await JSONBody.decoded(JoinRequest.self, from: request, limit: Self.bodyLimit)
        let now = Date().timeIntervalSince1970
        let invitation = try await keys.invitation(asked.invitation, now: now)
        guard let name = Self.shown(asked.name ?? "", length: Self.nameLength), !name.isEmpty else {
            throw Refusal(.badRequest, "A name is needed, of \(Self.nameLength) characters at most.")
        }
        // Everybody gets an identity of their own: a second guest never displaces the first, whatever names they choose.
        let identity = Entropy.system().urlText(16)
        let token = AccessToken(
            identity: identity, name: name, video: VideoGrant(room: invitation.room, roomJoin: true), now: now,
            validFor: Self.tokenLifetime)
        guard let signed = await keys.sign(token, key: key) else { throw Self.unsigned }
        return try JSONBody.response(
            JoinAnswer(token: signed, room: invitation.room, identity: identity, name: name, title: invitation.title), status: .ok)
    }

    private static let unsigned = Refusal(.internalServerError, "The server could not sign; its keys are at fault.")

    /// A text that others will see: trimmed, without control characters; nil where it is too long.
    private static func shown(_ text: String, length: Int) -> String? {
        let kept = text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }
        let shown = String(String.UnicodeScalarView(kept)).trimmed
        // A character may be made of any number of scalars; four bytes each are enough for every script.
        return shown.count <= length && shown.utf8.count <= 4 * length ? shown : nil
    }
}
