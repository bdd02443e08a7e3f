import HTTPTypes
import Hummingbird
import NIOCore
import Server
import Testing

@Suite("Pages, health and metrics")
struct PortTests {
    private func withClient(of router: Router<ServerContext>, _ body: (RouterClient) async throws -> Void) async throws {
        try await body(RouterClient(router))
    }

    @Test("health needs no token, on both ports; HEAD too")
    func health() async throws {
        let bench = try await Bench()
        for router in [bench.plane.mainRouter, bench.plane.adminRouter] {
            try await withClient(of: router) { client in
                let response = try await client.ask("/healthz")
                #expect(response.status == .ok && response.text == "ok\n")
                let head = try await client.ask("/healthz", .head)
                #expect(head.status == .ok && head.body.readableBytes == 0)
            }
        }
    }

    @Test("not ready before all ports are open")
    func readiness() async throws {
        let bench = try await Bench()
        try await withClient(of: bench.plane.adminRouter) { client in
            let response = try await client.ask("/readyz")
            #expect(response.status == .serviceUnavailable)
        }
    }

    @Test("pages run our own scripts only, and everything they name is served")
    func pages() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            for path in ["/", "/publish", "/watch"] {
                let response = try await client.ask(path)
                #expect(response.status == .ok && response.headers[.contentType] == "text/html; charset=utf-8")
                let policy = response.headers[.contentSecurityPolicy] ?? ""
                #expect(policy.contains("default-src 'none'") && policy.contains("script-src 'self';") && !policy.contains("unsafe"))
                let page = response.text
                #expect(!page.contains("<style") && !page.contains(" style=") && !page.contains(" on") || path == "/")
                for match in page.matches(of: /(?:src|href)="(\/[^"]*)"/) {
                    let asset = try await client.ask(String(match.1))
                    #expect(asset.status == .ok, "\(match.1)")
                    #expect(asset.headers[.xContentTypeOptions] == "nosniff")
                }
                if path != "/" {
                    for name in ["start", "stop", "status", "video"] { #expect(page.contains("data-testid=\"\(name)\"")) }
                }
            }
            let script = try await client.ask("/assets/publish.js")
            #expect(script.headers[.contentType] == "text/javascript; charset=utf-8")
            #expect(script.text.contains("from \"/assets/session.js\""))
            #expect(try await client.ask("/assets/session.js").status == .ok)
        }
    }

    @Test("metrics are valid Prometheus text: a HELP and a TYPE before each family, no sample twice")
    func metrics() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            _ = try await client.ask("/whip/room", .post)
        }
        try await withClient(of: bench.plane.adminRouter) { client in
            let response = try await client.ask("/metrics")
            #expect(response.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(response.headers[.accessControlAllowOrigin] == nil)
            let text = response.text
            var helped: Set<String> = []
            var typed: Set<String> = []
            var samples: Set<String> = []
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ")
                if line.hasPrefix("# HELP ") {
                    #expect(helped.insert(String(words[2])).inserted)
                } else if line.hasPrefix("# TYPE ") {
                    #expect(typed.insert(String(words[2])).inserted && ["counter", "gauge"].contains(words[3]))
                } else {
                    let name = String(line.prefix { $0 != "{" && $0 != " " })
                    #expect(helped.contains(name) && typed.contains(name), "\(line)")
                    #expect(samples.insert(String(words.dropLast().joined(separator: " "))).inserted, "\(line)")
                    #expect(Double(words.last ?? "") != nil, "\(line)")
                }
            }
            for line in [
                "apus_build_info{version=\"\(Version.current)\"} 1",
                "apus_transports{worker=\"0\"} 0", "apus_packets_total{direction=\"in\",kind=\"rtp\",worker=\"0\"} 1",
                "apus_bytes_total{direction=\"in\",kind=\"rtp\",worker=\"0\"} 100",
                "apus_dropped_packets_total{reason=\"invalid_stun\",worker=\"0\"} 3", "apus_rooms 0", "apus_participants 0",
                "apus_tracks 0",
                "apus_subscriptions 0", "apus_http_requests_total{route=\"/whip/{room}\",status=\"401\"} 1",
            ] {
                #expect(text.contains("\n" + line + "\n"), "\(line)")
            }
            for name in ["apus_loop_lag_seconds", "process_resident_memory_bytes", "process_open_fds"] { #expect(typed.contains(name)) }
        }
        #expect(ProcessStatistics.current().residentBytes > 1 << 20 && ProcessStatistics.current().openDescriptors > 2)
    }

    @Test("label values are escaped")
    func escaping() {
        var text = PrometheusText()
        text.sample("a", 1, ["b": "x\"y\\z\n"])
        #expect(text.text == "a{b=\"x\\\"y\\\\z\\n\"} 1\n")
    }
}
