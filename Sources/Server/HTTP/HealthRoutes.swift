import HTTPTypes
import Hummingbird

/// What both ports answer to whoever watches over the process.
enum HealthRoutes {
    /// `/healthz`: the process answers. No token, no counting on anything else.
    static func addHealth(to router: Router<ServerContext>) {
        router.get("/healthz") { _, _ in Response.text("ok\n") }
    }

    /// `/readyz`: send clients here. Not while starting, not while draining.
    static func addReadiness(to router: Router<ServerContext>, isReady: @escaping @Sendable () async -> Bool) {
        router.get("/readyz") { _, _ in
            await isReady() ? Response.text("ready\n") : Refusal(.serviceUnavailable, "The server is starting or draining.").response
        }
    }

    static func addMetrics(to router: Router<ServerContext>, gather: @escaping @Sendable () async -> Metrics) {
        router.get("/metrics") { _, _ in Response.text(await gather().text, type: PrometheusText.contentType) }
    }
}
