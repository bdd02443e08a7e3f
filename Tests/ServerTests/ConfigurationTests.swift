import Logging
import MediaPrimitives
import Server
import Testing

@Suite("Configuration")
struct ConfigurationTests {
    private static let interfaces = [
        SocketAddress(ipv4: 0xc000_0202, port: 0), SocketAddress(ipv4: 0x7f00_0001, port: 0), SocketAddress(high: 0, low: 1, port: 0),
    ]
    private static let key = "name: 0123456789abcdef0123456789abcdef"

    private func flags(_ values: [ServeOption: String]) throws -> GivenOptions {
        var given = GivenOptions()
        for (option, text) in values { try given.give(option, text, from: .flag(option.flag)) }
        return given
    }

    @Test(
        "a mistake in the file names file, line and what was expected",
        arguments: [
            ("port: 7880\nprot: 7881\n", 2, "expected one of the keys", "\"prot\""),
            ("# comment\n\nudp-port: many\n", 3, "expected a port number", "\"many\""),
            ("tcp-port: 70000\n", 1, "expected a port number", "\"70000\""),
            ("port: -1\n", 1, "expected a port number", "\"-1\""),
            ("port: 7e3\n", 1, "expected a port number", "\"7e3\""),
            ("port:\n", 1, "expected a port number", "\"\""),
            ("dev: maybe\n", 1, "expected true or false", "\"maybe\""),
            ("\nannounce:\n  - 10.0.0.1\n  - example.org\n", 3, "expected IP addresses", "example.org"),
            ("trusted-proxies: proxy.example.org\n", 1, "expected IP addresses and networks", "proxy.example.org"),
            ("announce: 0.0.0.0\n", 1, "expected IP addresses", "0.0.0.0"),
            ("udp-port: [1, 2]\n", 1, "expected a port number", "a list"),
            ("dev: {a: b}\n", 1, "expected true or false", "a mapping"),
            ("keys: nothing\n", 1, "expected API keys", "something else"),
            ("keys:\n  a: {b: c}\n", 2, "expected API keys", "a mapping"),
            ("workers: 65\n", 1, "a number from 1 to 64", "\"65\""),
            ("audio-top: 101\n", 1, "a number from 1 to 100", "\"101\""),
            ("drain-timeout: soon\n", 1, "expected a duration", "\"soon\""),
            ("drain-timeout: 2h\n", 1, "expected a duration", "\"2h\""),
            ("web-app: maybe\n", 1, "expected true or false", "\"maybe\""),
            ("invitation-lifetime: 59s\n", 1, "expected a duration", "\"59s\""),
            ("log-level: loud\n", 1, "expected one of trace", "\"loud\""),
            ("bind: example.org\n", 1, "expected an IP address", "\"example.org\""),
            ("- port\n- 7880\n", 1, "expected a mapping", "mapping"),
            ("just words\n", 1, "expected a mapping", "mapping"),
            ("7: 8\n", 1, "expected one of the keys", "\"7\""),
            ("port: 1\nbind: ::1\nport: 2\n", 3, "comes twice", "port"),
            ("port: 7880\nbind: \"unfinished\nudp-port: 1\n", 2, "expected YAML", ""),
        ])
    func mistakeInFile(text: String, line: Int, expected: String, found: String) {
        let error = #expect(throws: StartError.self) { try ConfigurationFile.parse(text, path: "apus.yaml") }
        #expect(error?.status == .configuration)
        let sentence = error?.sentence ?? ""
        #expect(sentence.contains(expected) && sentence.contains(found), "\(sentence)")
        // The scanner names the end of what is unfinished, or its start; either is a line to look at.
        if text.contains("unfinished") {
            #expect(sentence.hasPrefix("apus.yaml:"), "\(sentence)")
        } else if text.hasPrefix("keys:\n") || text.hasPrefix("\nannounce") {
            #expect(sentence.hasPrefix("apus.yaml:\(line):") || sentence.hasPrefix("apus.yaml:\(line - 1):"), "\(sentence)")
        } else {
            #expect(sentence.hasPrefix("apus.yaml:\(line):"), "\(sentence)")
        }
    }

    @Test("a file may say everything that flags may say")
    func wholeFile() throws {
        let text = """
            # everything
            dev: false
            bind: 192.0.2.7
            port: 1
            udp-port: 2
            tcp-port: 3
            admin-port: 4
            admin-bind: 192.0.2.8
            trusted-proxies: [127.0.0.1, "fd00::/8"]
            announce: [203.0.113.7, "2001:db8::7"]
            keys:
              first: 0123456789abcdef0123456789abcdef
              second: fedcba9876543210fedcba9876543210
            workers: 1
            drain-timeout: 1m
            web-app: false
            invitation-lifetime: 2h
            log-level: debug

            """
        let configuration = try ServeConfiguration(
            sources: [GivenOptions(), try ConfigurationFile.parse(text, path: "apus.yaml")], interfaces: Self.interfaces)
        #expect(configuration.httpHosts == ["192.0.2.7"] && configuration.adminHosts == ["192.0.2.8"])
        #expect([configuration.port, configuration.udpPort, configuration.tcpPort, configuration.adminPort] == [1, 2, 3, 4])
        #expect(configuration.announced.map(\.host) == ["203.0.113.7", "2001:db8::7"])
        #expect(configuration.trustedProxies == TrustedProxies("127.0.0.1,fd00::/8"))
        #expect(configuration.keys.map(\.name) == ["first", "second"])
        #expect(configuration.drainTimeout == .seconds(60))
        #expect(!configuration.webApp && configuration.invitationLifetime == .seconds(7200))
        #expect(configuration.logLevel == .debug)
    }

    @Test("a file of comments says nothing")
    func emptyFile() throws {
        let given = try ConfigurationFile.parse("# nothing yet\n", path: "apus.yaml")
        #expect(try ServeConfiguration(sources: [flags([.dev: "true"]), given], interfaces: Self.interfaces).port == 7880)
    }

    @Test("a flag is stronger than a variable, a variable than the file, the file than the default")
    func precedence() throws {
        let file = try ConfigurationFile.parse("keys: \"\(Self.key)\"\nport: 1\nudp-port: 1\ntcp-port: 1\n", path: "apus.yaml")
        let environment = try GivenOptions.environment(["APUS_PORT": "2", "APUS_UDP_PORT": "2", "HOME": "/"])
        let configuration = try ServeConfiguration(sources: [flags([.port: "3"]), environment, file], interfaces: Self.interfaces)
        #expect([configuration.port, configuration.udpPort, configuration.tcpPort, configuration.adminPort] == [3, 2, 1, 7889])
    }

    @Test("a mistake in a variable names the variable", arguments: ServeOption.allCases)
    func mistakeInEnvironment(option: ServeOption) {
        let error = #expect(throws: StartError.self) { try GivenOptions.environment([option.variable: "?"]) }
        #expect(error?.status == .configuration)
        #expect(error?.sentence.hasPrefix("\(option.variable): expected ") == true)
    }

    @Test("variables that are no options are told")
    func unknownVariables() {
        #expect(
            GivenOptions.unknownVariables(in: ["APUS_UPD_PORT": "1", "APUS_CONFIG": "x", "APUS_PORT": "1", "A": ""]) == ["APUS_UPD_PORT"])
    }

    @Test("a mistake in a flag is wrong usage")
    func mistakeInFlag() {
        let error = #expect(throws: StartError.self) { try flags([.port: "http"]) }
        #expect(error == StartError(.usage, "--port: expected a port number from 0 to 65535, found \"http\""))
    }

    @Test(
        "two options that name one TCP port are refused, and both are named",
        arguments: [
            ([.port: "8180", .tcpPort: "8180"], "--port and --tcp-port both name TCP port 8180"),
            ([.port: "7881"], "--port and --tcp-port both name TCP port 7881"),
            ([.adminPort: "8180", .tcpPort: "8180"], "--tcp-port and --admin-port both name TCP port 8180"),
            ([.port: "7889"], "--port and --admin-port both name TCP port 7889"),
        ] as [([ServeOption: String], String)])
    func sharedPorts(options: [ServeOption: String], sentence: String) {
        let error = #expect(throws: StartError.self) {
            try ServeConfiguration(sources: [flags(options.merging([.dev: "true"]) { $1 })], interfaces: Self.interfaces)
        }
        #expect(error?.status == .configuration && error?.sentence.hasPrefix(sentence) == true, "\(String(describing: error))")
    }

    @Test("ports that the system chooses may all be 0, and the UDP port may have a TCP port's number")
    func equalPorts() throws {
        for options: [ServeOption: String] in [[.port: "0", .tcpPort: "0", .adminPort: "0"], [.udpPort: "7880"]] {
            _ = try ServeConfiguration(sources: [flags(options.merging([.dev: "true"]) { $1 })], interfaces: Self.interfaces)
        }
    }

    @Test("what is opened: media on each family, HTTP on one socket for both")
    func listeningPlaces() throws {
        let places = try ServeConfiguration(sources: [flags([.keys: Self.key])], interfaces: Self.interfaces).listeningPlaces
        #expect(
            places.map(\.description) == [
                "UDP port 7882 on 0.0.0.0", "UDP port 7882 on ::", "TCP port 7881 on 0.0.0.0", "TCP port 7881 on ::", "TCP port 7880 on ::",
                "TCP port 7889 on 127.0.0.1",
            ])
        let old = try ServeConfiguration(sources: [flags([.keys: Self.key])], interfaces: Array(Self.interfaces.prefix(1)))
        #expect(old.listeningPlaces.map(\.host) == ["0.0.0.0", "0.0.0.0", "0.0.0.0", "127.0.0.1"])
    }

    @Test("the admin port is on loopback, unless it is said where else")
    func adminHosts() throws {
        let hosts = { (options: [ServeOption: String], interfaces: [SocketAddress]) in
            try ServeConfiguration(sources: [flags(options.merging([.dev: "true"]) { $1 })], interfaces: interfaces).adminHosts
        }
        #expect(try hosts([.bind: "0.0.0.0"], Self.interfaces) == ["127.0.0.1"])
        #expect(try hosts([.adminBind: "localhost"], Self.interfaces) == ["127.0.0.1", "::1"])
        #expect(try hosts([.adminBind: "localhost"], Array(Self.interfaces.prefix(2))) == ["127.0.0.1"])
        #expect(try hosts([.adminBind: "::"], Self.interfaces) == ["::"])
    }

    @Test("several workers and a TCP port that was asked for are warned of")
    func warnings() throws {
        let warnings = { (options: [ServeOption: String]) in
            try ServeConfiguration(sources: [flags(options.merging([.dev: "true"]) { $1 })], interfaces: Self.interfaces).warnings
        }
        #expect(try warnings([.workers: "2"]).isEmpty && warnings([.tcpPort: "7881"]).isEmpty)
        let both = try warnings([.workers: "2", .tcpPort: "7881"])
        #expect(both.count == 1 && both.first?.contains("--workers 2") == true && both.first?.contains("--tcp-port") == true)
    }

    @Test("a mistyped secret is not repeated")
    func secretsStayOut() {
        let error = #expect(throws: StartError.self) { try flags([.keys: "namewithoutcolon-hunter2"]) }
        #expect(error?.sentence.contains("hunter2") == false)
    }

    @Test("without keys it refuses, and says what to do")
    func noKeys() {
        let error = #expect(throws: StartError.self) { try ServeConfiguration(sources: [], interfaces: Self.interfaces) }
        #expect(error?.status == .configuration)
        #expect(error?.sentence.contains("--keys") == true && error?.sentence.contains("--dev") == true)
    }

    @Test("a short secret is refused outside --dev only")
    func shortSecret() throws {
        let error = #expect(throws: StartError.self) {
            try ServeConfiguration(sources: [flags([.keys: "mine: secret"])], interfaces: Self.interfaces)
        }
        #expect(error?.status == .configuration && error?.sentence.contains("\"mine\" has 6 bytes, expected at least 32") == true)
        let dev = try ServeConfiguration(sources: [flags([.keys: "mine: secret", .dev: "true"])], interfaces: Self.interfaces)
        #expect(dev.keys == [APIKey(name: "mine", secret: "secret")])
    }

    @Test("--dev listens on loopback and announces every interface")
    func dev() throws {
        let configuration = try ServeConfiguration(sources: [flags([.dev: "true"])], interfaces: Self.interfaces)
        #expect(configuration.httpHosts == ["127.0.0.1", "::1"])
        #expect(configuration.announced == Self.interfaces)
        #expect(configuration.keys == [.development])
        #expect(configuration.drainTimeout == .seconds(5))
        let bound = try ServeConfiguration(sources: [flags([.dev: "true", .bind: "0.0.0.0"])], interfaces: Self.interfaces)
        #expect(bound.httpHosts == ["0.0.0.0"])
    }

    @Test("in service loopback is not announced, and nothing to announce is an error")
    func service() throws {
        let configuration = try ServeConfiguration(sources: [flags([.keys: Self.key])], interfaces: Self.interfaces)
        #expect(configuration.announced.map(\.host) == ["192.0.2.2"])
        #expect(configuration.httpHosts == ["::"])
        let error = #expect(throws: StartError.self) {
            try ServeConfiguration(sources: [flags([.keys: Self.key])], interfaces: Self.interfaces.filter(\.isLoopback))
        }
        #expect(error?.sentence.contains("--announce") == true)
    }

    @Test(
        "durations",
        arguments: [
            ("5s", 5000), ("5", 5000), ("500ms", 500), ("2m", 120_000), ("1h", 3_600_000), ("0", 0), ("", nil), ("s", nil), ("-1s", nil),
            ("1.5s", nil), ("1d", nil), ("99999999999999999999s", nil), ("9999999h", nil), ("5 s", nil),
        ] as [(String, Int64?)])
    func durations(text: String, milliseconds: Int64?) {
        #expect(Interval(text: text) == milliseconds.map { .milliseconds($0) })
    }

    @Test("lists of keys", arguments: ["a: b, a: c", "a", "a:", ": b", "", "a: b,,c: d"])
    func badKeys(text: String) { #expect(APIKey.list(text) == nil) }

    @Test("grants of the command line")
    func grants() throws {
        var grant = VideoGrant(room: "r", roomJoin: true)
        try grant.set("canPublish=false")
        try grant.set("roomAdmin")
        try grant.set("canPublishSources=camera,microphone")
        #expect(grant.canPublish == false && grant.roomAdmin == true && grant.canPublishSources == ["camera", "microphone"])
        for text in ["canPublish=no", "canFly=true", "", "canPublishSources=nose", "=", "room=other"] {
            var grant = grant
            let error = #expect(throws: StartError.self, "\(text)") { try grant.set(text) }
            #expect(error?.status == .usage)
        }
    }

    @Test("the machine's own addresses have no link-local IPv6 and no port")
    func interfaces() {
        let addresses = NetworkInterfaces.addresses()
        #expect(!addresses.isEmpty)
        #expect(addresses.allSatisfy { $0.port == 0 && ($0.isIPv4 || !$0.isLinkLocal) })
    }
}
