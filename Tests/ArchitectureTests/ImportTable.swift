/// Who may import whom. A new edge is a design decision: it is made here first, in a commit that says why.
enum ImportTable {
    /// What one of our modules may import of ours, and of anybody else's.
    struct Row {
        var ours: Set<String>
        var others: Set<String> = []
        /// Foundation is slow to start, large, and brings clocks, files and locks along: only what faces people may have it.
        var foundation = false
    }

    /// What ships with the language and touches nothing outside of it.
    static let everywhere: Set<String> = ["Swift"]

    static let rows: [String: Row] = [
        // Sans-IO: no clock, socket, file or randomness, so nothing of the platform either.
        "MediaPrimitives": Row(ours: []),
        "RTP": Row(ours: ["MediaPrimitives"]),
        "SDP": Row(ours: []),
        "Negotiation": Row(ours: ["MediaPrimitives", "SDP", "RTP"]),
        "ICE": Row(ours: ["MediaPrimitives", "COpenSSL"]),
        "MediaSecurity": Row(ours: ["MediaPrimitives", "COpenSSL", "CMediaCiphers", "CPrefetch"]),
        "Congestion": Row(ours: ["MediaPrimitives", "RTP"]),
        "Forwarding": Row(ours: ["MediaPrimitives", "RTP", "Congestion", "CPrefetch"]),
        "Transports": Row(ours: ["MediaPrimitives", "ICE", "MediaSecurity"]),
        "Rooms": Row(ours: ["MediaPrimitives", "RTP", "ICE", "MediaSecurity", "Congestion", "Forwarding", "Transports", "CPrefetch"]),
        // Protobuf's runtime speaks Foundation's Data.
        "Signalling": Row(ours: ["MediaPrimitives", "CZlib"], others: ["SwiftProtobuf", "Synchronization"], foundation: true),

        // Threads and sockets.
        "EventLoop": Row(ours: ["MediaPrimitives", "CUV", "CNetwork"], others: ["Glibc", "Synchronization"]),
        "MediaWorker": Row(
            ours: ["MediaPrimitives", "EventLoop", "Rooms", "Transports", "MediaSecurity", "CNetwork"],
            others: ["Glibc", "Synchronization"]),

        // Files in the binary, no code.
        "WebApp": Row(ours: []),

        // What faces people. `Server` knows the workers, not their loop, sockets or ICE.
        "Server": Row(
            ours: [
                "MediaPrimitives", "RTP", "SDP", "Negotiation", "Congestion", "Forwarding", "Rooms", "Transports", "MediaSecurity",
                "MediaWorker", "Signalling", "WebApp",
            ],
            others: [
                "Glibc", "Synchronization", "Hummingbird", "HummingbirdCore", "HTTPTypes", "NIOCore", "NIOPosix", "NIOHTTP1",
                "NIOHTTPTypes", "NIOHTTPTypesHTTP1", "NIOSSL", "NIOWebSocket", "SwiftProtobuf",
                "Logging", "Yams", "JWTKit", "ServiceLifecycle", "UnixSignals",
            ],
            foundation: true),
        // The client's end of it all, as sans-IO as the server's.
        // Who sends a file and who checks what came of it are on two threads.
        "HeadlessClients": Row(
            ours: ["MediaPrimitives", "RTP", "ICE", "MediaSecurity", "Congestion", "Forwarding"], others: ["Synchronization"]),
        // Randomness from a seed must stay out of every product: nobody else has it, and what ships has no simulation.
        "Simulation": Row(ours: [
            "MediaPrimitives", "RTP", "SDP", "Negotiation", "ICE", "MediaSecurity", "Congestion", "Forwarding", "Transports", "Rooms",
            "HeadlessClients", "CSeededRandom",
        ]),
        "LoadTest": Row(
            ours: [
                "MediaPrimitives", "RTP", "SDP", "ICE", "MediaSecurity", "Congestion", "Forwarding", "HeadlessClients", "EventLoop",
                "Signalling",
            ],
            others: ["Glibc", "Synchronization", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOSSL", "NIOWebSocket", "SwiftProtobuf"],
            foundation: true),
        "apus": Row(
            ours: ["Server", "LoadTest", "HeadlessClients", "RTP", "MediaPrimitives"],
            others: ["Glibc", "Synchronization", "ArgumentParser", "Logging", "Hummingbird", "JWTKit", "ServiceLifecycle", "Yams"],
            foundation: true),
    ]

    static let foundationModules: Set<String> = [
        "Foundation", "FoundationEssentials", "FoundationNetworking", "FoundationInternationalization", "Dispatch",
    ]

    /// Why `module` may not import `imported`; nil when it may.
    static func objection(to imported: String, in module: String) -> String? {
        guard let row = rows[module] else { return "module \(module) is not in the import table" }
        if everywhere.contains(imported) || row.ours.contains(imported) || row.others.contains(imported) { return nil }
        if foundationModules.contains(imported) { return row.foundation ? nil : "\(module) is of the core: no \(imported)" }
        return "\(module) may not import \(imported)"
    }
}
