// swift-tools-version: 6.2
import PackageDescription

// APUS_CORE_ONLY=1 leaves the server and its dependencies out, so that sanitizer builds of the core stay quick.
let coreOnly = Context.environment["APUS_CORE_ONLY"] == "1"

// APUS_FUZZ=1 adds the `fuzz` executable, which deploy/fuzz builds with every module instrumented for libFuzzer.
let fuzzing = !coreOnly && Context.environment["APUS_FUZZ"] == "1"

let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("ExistentialAny"),
    ] + (coreOnly ? [.define("CORE_ONLY")] : [])

func core(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

// What is tested is optimized, as it is run. Tests are not: optimizing a long list of expectations takes several times as long as checking it,
// and gains nothing but where a test itself `computes` for seconds.
func tests(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil, computes: Bool = false) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, path: path,
        swiftSettings: computes ? settings : settings + [.unsafeFlags(["-Onone"])])
}

var packages: [Package.Dependency] = []
var products: [Product] = []
var targets: [Target] = [
    // C libraries, and the thin shims that Swift needs to see them.
    .systemLibrary(name: "CUV", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .target(name: "CNetwork"),
    // libipsec-mb is opened at run time where it is installed, and compiled for where its header is: libipsec-mb-dev.
    .target(name: "CMediaCiphers", dependencies: ["COpenSSL"]),
    .target(name: "CPrefetch"),

    // The core: sans-IO, no Foundation. ArchitectureTests hold who may import whom.
    core("MediaPrimitives"),
    core("RTP", ["MediaPrimitives"]),
    core("SDP"),
    core("Negotiation", ["MediaPrimitives", "SDP", "RTP"]),
    core("ICE", ["MediaPrimitives", "COpenSSL"]),
    core("MediaSecurity", ["MediaPrimitives", "COpenSSL", "CMediaCiphers", "CPrefetch"]),
    // Square roots and rounding are the C library's, which nobody else may have asked for.
    .target(
        name: "Congestion", dependencies: ["MediaPrimitives", "RTP"], swiftSettings: settings, linkerSettings: [.linkedLibrary("m")]),
    core("Forwarding", ["MediaPrimitives", "RTP", "Congestion", "CPrefetch"]),
    core("Transports", ["MediaPrimitives", "ICE", "MediaSecurity"]),
    core("Rooms", ["MediaPrimitives", "RTP", "ICE", "MediaSecurity", "Congestion", "Forwarding", "Transports", "CPrefetch"]),

    // The client's end of what the server does, for the simulator and for load tests.
    core("HeadlessClients", ["MediaPrimitives", "RTP", "ICE", "MediaSecurity", "Congestion", "Forwarding"]),

    // Virtual time, seeded links and clients made from the same modules, around the forwarding unit as it is.
    .target(name: "CSeededRandom", dependencies: ["COpenSSL"]),
    core(
        "Simulation",
        [
            "MediaPrimitives", "RTP", "ICE", "MediaSecurity", "Forwarding", "Transports", "Rooms", "HeadlessClients", "CSeededRandom",
        ]),

    // Threads and sockets.
    core("EventLoop", ["MediaPrimitives", "CUV", "CNetwork"]),
    core("MediaWorker", ["MediaPrimitives", "EventLoop", "Rooms", "Transports", "MediaSecurity", "CNetwork"]),

    .target(name: "CAllocations", path: "Benchmarks/CAllocations"),
    .executableTarget(
        name: "PacketPath",
        dependencies: [
            "CAllocations", "EventLoop", "ICE", "MediaPrimitives", "MediaSecurity", "ReferenceSRTP", "RTP", "Rooms", "HeadlessClients",
            "Simulation",
        ],
        path: "Benchmarks/PacketPath", swiftSettings: settings),
    .executableTarget(
        name: "Estimating", dependencies: ["CAllocations", "Congestion", "MediaPrimitives", "RTP"], path: "Benchmarks/Estimating",
        swiftSettings: settings),
    .target(name: "CMemory", dependencies: ["COpenSSL"], path: "Benchmarks/CMemory"),
    .executableTarget(
        name: "Memory", dependencies: ["CMemory", "HeadlessClients", "MediaPrimitives", "MediaSecurity", "Rooms", "Simulation"],
        path: "Benchmarks/Memory",
        swiftSettings: settings),
    .executableTarget(
        name: "SocketPath", dependencies: ["CMemory", "EventLoop", "MediaPrimitives"], path: "Benchmarks/SocketPath",
        swiftSettings: settings),
    .executableTarget(
        name: "VirtualHours", dependencies: ["CAllocations", "HeadlessClients", "MediaPrimitives", "Rooms", "Simulation"],
        path: "Benchmarks/VirtualHours",
        swiftSettings: settings),
    // Makes packet traces, and plays them to the simulated decoder; a browser is shown the same ones by Tests/Clients/test_calibration.py.
    .executableTarget(
        name: "Calibration", dependencies: ["Simulation", "HeadlessClients", "MediaPrimitives"], path: "Tests/Calibration",
        swiftSettings: settings),
    // Networks in virtual time with what a person would see on them, and the bars that it is held against.
    .target(
        name: "ScenarioJudging", dependencies: ["Simulation", "HeadlessClients", "Rooms", "RTP", "MediaPrimitives"],
        path: "Tests/Scenarios/Judging", swiftSettings: settings),
    .executableTarget(
        name: "Scenarios", dependencies: ["ScenarioJudging"], path: "Tests/Scenarios/Runner", swiftSettings: settings),
    // libsrtp2, which no product has: the oracle of tests and fuzzing, and what benchmarks compare with.
    .systemLibrary(name: "CSRTP", path: "Tests/CSRTP", pkgConfig: "libsrtp2", providers: [.apt(["libsrtp2-dev"])]),
    .target(
        name: "ReferenceSRTP", dependencies: ["CSRTP", "MediaSecurity", "MediaPrimitives"], path: "Tests/ReferenceSRTP",
        swiftSettings: settings),
    // Plain sockets at the other end of a test.
    .target(name: "TestSockets", dependencies: ["MediaPrimitives"], path: "Tests/TestSockets", swiftSettings: settings),
    // What real clients have offered and answered, for whoever tests with it.
    .target(name: "ClientOffers", path: "Tests/ClientOffers", swiftSettings: settings),

    tests("MediaPrimitivesTests", ["MediaPrimitives"]),
    tests("RTPTests", ["RTP", "MediaPrimitives"]),
    tests("SDPTests", ["SDP"]),
    tests("NegotiationTests", ["ClientOffers", "Negotiation", "SDP", "RTP", "MediaPrimitives"]),
    tests("ICETests", ["ICE", "MediaPrimitives"]),
    tests("MediaSecurityTests", ["MediaSecurity", "MediaPrimitives", "COpenSSL", "ReferenceSRTP"], computes: true),
    tests("CongestionTests", ["Congestion", "RTP", "MediaPrimitives"], computes: true),
    tests("ForwardingTests", ["Forwarding", "RTP", "Congestion", "MediaPrimitives"], computes: true),
    tests("RoomsTests", ["Rooms", "Forwarding", "RTP", "MediaPrimitives"]),
    tests(
        "ScenarioTests",
        ["ScenarioJudging", "Simulation", "HeadlessClients", "Rooms", "Forwarding", "MediaSecurity", "ICE", "RTP", "MediaPrimitives"],
        computes: true),
    tests("EventLoopTests", ["EventLoop", "TestSockets", "MediaPrimitives"]),
    tests(
        "MediaWorkerTests",
        ["MediaWorker", "Rooms", "HeadlessClients", "Simulation", "MediaSecurity", "ICE", "RTP", "MediaPrimitives", "TestSockets"]),
    tests("ArchitectureTests", []),

    // The bodies of the fuzz targets are plain code, which ordinary tests run on every input that is kept. Those for signalling need its packages.
    .target(
        name: "FuzzHarnesses",
        dependencies: [
            "MediaPrimitives", "RTP", "SDP", "Negotiation", "ICE", "MediaSecurity", "ReferenceSRTP", "Congestion", "Forwarding",
            "Transports", "Rooms", "HeadlessClients",
        ]
            + (coreOnly ? [] : ["Signalling", "Deflating", .product(name: "SwiftProtobuf", package: "swift-protobuf")]),
        path: "Tests/Fuzz/Harnesses", exclude: coreOnly ? ["Signalling"] : [], swiftSettings: settings),
    tests("FuzzReplayTests", ["FuzzHarnesses"], path: "Tests/Fuzz/Replay"),
]

if fuzzing {
    targets += [
        .target(name: "CFuzzing", dependencies: ["COpenSSL"], path: "Tests/Fuzz/CFuzzing"),
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzHarnesses", "CFuzzing"], path: "Tests/Fuzz/Driver", swiftSettings: settings,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]),
    ]
}

if !coreOnly {
    packages += [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // Hummingbird's own foundations, named because Server's channel handler and header fields are theirs.
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.34.1"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0", traits: []),
    ]
    products += [.executable(name: "apus", targets: ["apus"])]
    targets += [
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "Signalling",
            dependencies: ["MediaPrimitives", "CZlib", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
            exclude: ["Messages/signalling.proto"], swiftSettings: settings),
        // The web app's files, as they are, inside the binary.
        .target(name: "WebApp", resources: [.embedInCode("Files")], swiftSettings: settings),
        core(
            "Server",
            [
                "MediaPrimitives", "RTP", "SDP", "Negotiation", "Congestion", "Forwarding", "Rooms", "Transports", "MediaSecurity",
                "MediaWorker", "Signalling", "WebApp",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Yams", package: "Yams"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        // Headless clients on real sockets: `apus load`.
        core(
            "LoadTest",
            [
                "MediaPrimitives", "RTP", "SDP", "ICE", "MediaSecurity", "Forwarding", "HeadlessClients", "EventLoop", "Signalling",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        .executableTarget(
            name: "apus",
            dependencies: [
                "Server", "LoadTest", "HeadlessClients", "RTP", "MediaPrimitives",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        tests(
            "LoadTestTests",
            ["LoadTest", "HeadlessClients", "Negotiation", "MediaSecurity", "RTP", "SDP", "MediaPrimitives"]),
        .target(name: "Deflating", dependencies: ["CZlib"], path: "Tests/Deflating", swiftSettings: settings),
        tests(
            "SignallingTests", ["Signalling", "MediaPrimitives", "Deflating", .product(name: "SwiftProtobuf", package: "swift-protobuf")]),
        tests(
            "ServerTests",
            [
                "ClientOffers", "Server", "WebApp", "MediaWorker", "Rooms", "RTP", "SDP", "MediaPrimitives", "Negotiation", "Signalling",
                "Congestion", "Forwarding",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
    ]
}

// APUS_TESTS=A,B keeps these tests and what they are made of: a run of few suites need not build the rest.
if let wanted = Context.environment["APUS_TESTS"] {
    var needed = wanted.split(separator: ",").map(String.init)
    for name in needed where !targets.contains(where: { $0.name == name }) { fatalError("APUS_TESTS names no target: \(name)") }
    var next = 0
    while next < needed.count {
        for case .byNameItem(let name, _) in targets.first(where: { $0.name == needed[next] })?.dependencies ?? []
        where !needed.contains(name) { needed.append(name) }
        next += 1
    }
    targets.removeAll { !needed.contains($0.name) }
    products.removeAll()
}

let package = Package(name: "apus", products: products, dependencies: packages, targets: targets)
