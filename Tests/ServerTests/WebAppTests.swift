import HTTPTypes
import Server
import Testing
import WebApp

@Suite("The web app's files")
struct WebAppTests {
    @Test("each is served with its type and a strict policy")
    func served() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            for file in WebApp.files {
                let answer = try await client.ask(file.path)
                #expect(answer.status == .ok && answer.headers[.contentType] == file.type, "\(file.path)")
                let policy = answer.headers[.contentSecurityPolicy] ?? ""
                #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self'") && !policy.contains("unsafe"))
                #expect(!answer.text.isEmpty)
            }
        }
    }

    @Test("who has one is not sent it again")
    func cached() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            var tags: Set<String> = []
            for path in WebApp.files.map(\.path) + ["/publish", "/watch"] {
                let tag = try #require(try await client.ask(path).headers[.eTag])
                tags.insert(tag)
                let again = try await client.ask(path, headers: [.ifNoneMatch: tag])
                #expect(again.status == .notModified && again.text.isEmpty && again.headers[.eTag] == tag)
                #expect(try await client.ask(path, headers: [.ifNoneMatch: "\"other\""]).status == .ok)
            }
            #expect(tags.count == WebApp.files.count + 2)
        }
    }

    @Test("they name each other only, and nothing inline or from elsewhere")
    func closed() {
        let paths = Set(WebApp.files.map(\.path))
        for file in WebApp.files {
            let text = String(decoding: file.bytes, as: UTF8.self)
            for match in text.matches(of: /(?:from\s+|import\s+|src=|href=)["'](?:\.|\/app)\/([\w.-]+)["']/) {
                #expect(paths.contains("/app/\(match.1)"), "\(file.path) names \(match.1)")
            }
            for word in ["style=\"", "onclick=", "javascript:", "innerHTML", "eval(", "https://"] {
                #expect(!text.contains(word), "\(file.path) has \(word)")
            }
        }
    }
}
