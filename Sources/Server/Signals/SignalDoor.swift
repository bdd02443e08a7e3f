import Foundation
import HTTPTypes
import Signalling

/// A client that may come in: what the checks have found.
struct SignalAdmission: Sendable {
    var token: AccessToken
    var room: String
    var parameters: JoinParameters
}

/// The checks before a signalling socket: the same for an upgrade and for `validate`, because SDKs ask the one why the other failed.
struct SignalDoor: Sendable {
    let keys: TokenKeys
    let host: any SignalHost

    /// Which way of joining a path stands for; nil where it is none.
    static func version(path: Substring) -> JoinParameters.Version? {
        switch path {
        case "/rtc", "/rtc/": .v0
        case "/rtc/v1", "/rtc/v1/": .v1
        default: nil
        }
    }

    /// - Parameters:
    ///   - target: the request's path with its query
    ///   - authorization: that header; it wins over the query's `access_token`
    func admit(
        _ version: JoinParameters.Version, target: String, authorization: String?
    ) async throws(Refusal) -> SignalAdmission {
        let query = FormQuery.pairs(of: target)
        let token = try await keys.timely(Self.tokenText(authorization, query), now: Date().timeIntervalSince1970)
        guard let video = token.video, video.roomJoin == true else {
            throw .badToken("The token does not permit joining a room (roomJoin).")
        }
        guard token.identity != nil else { throw Refusal(.badRequest, "The token names no identity (sub).") }
        guard let room = video.room, !room.isEmpty else { throw Refusal(.badRequest, "The token names no room (room).") }
        let parameters: JoinParameters
        do { parameters = try JoinParameters(version: version, query: query) } catch { throw Refusal(.badRequest, error.sentence) }
        do { try await host.admit(token, room: room, parameters) } catch {
            // A 404 would tell SDKs that this way of joining does not exist here; they would come back by the other.
            guard version == .v1, error.status == .notFound else { throw error }
            throw Refusal(.forbidden, error.sentence, headers: error.headers)
        }
        return SignalAdmission(token: token, room: room, parameters: parameters)
    }

    private static func tokenText(_ authorization: String?, _ query: [(name: String, value: String)]) throws(Refusal) -> String {
        if let authorization {
            let parts = authorization.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "bearer" else {
                throw .badToken("The Authorization header must be: Bearer <token>.")
            }
            return String(parts[1]).trimmed
        }
        guard let text = query.first(where: { $0.name == "access_token" })?.value, !text.isEmpty else {
            throw Refusal(
                .unauthorized, "An access token is needed: Authorization: Bearer <token>, or access_token in the query.",
                headers: [.wwwAuthenticate: "Bearer"])
        }
        return text
    }
}

/// A query as forms and `URLSearchParams` write it.
enum FormQuery {
    /// In order, decoded; what is not UTF-8 afterwards is left out.
    static func pairs(of target: String) -> [(name: String, value: String)] {
        guard let mark = target.firstIndex(of: "?") else { return [] }
        return target[target.index(after: mark)...].split(separator: "&").compactMap { field in
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decoded(parts[0]), let value = decoded(parts.count == 2 ? parts[1] : "") else { return nil }
            return (name, value)
        }
    }

    private static func decoded(_ text: Substring) -> String? { text.replacing("+", with: " ").removingPercentEncoding }
}
