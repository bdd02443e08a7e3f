import HTTPTypes
import Hummingbird
import Signalling

/// What the signalling addresses answer to requests that are no upgrades. SDKs that were refused a socket ask `validate` why.
struct SignalRoutes: Sendable {
    let door: SignalDoor

    func add(to router: Router<ServerContext>) {
        router.get("/rtc/validate") { request, _ in try await validate(request, .v0) }
        router.get("/rtc/v1/validate") { request, _ in try await validate(request, .v1) }
        router.get("/rtc") { _, _ in
            Refusal(.notFound, "A signalling socket is opened here, by a WebSocket upgrade.").response
        }
        // Never 404 under v1: SDKs would take it for a server that only knows the older way of joining.
        router.get("/rtc/v1") { _, _ in
            Refusal(
                .upgradeRequired, "A signalling socket is opened here, by a WebSocket upgrade.",
                headers: [.upgrade: "websocket"]
            ).response
        }
    }

    private func validate(_ request: Request, _ version: JoinParameters.Version) async throws -> Response {
        _ = try await door.admit(version, target: request.uri.string, authorization: request.headers[.authorization])
        // Clients compare the body.
        return Response.text("success")
    }
}
