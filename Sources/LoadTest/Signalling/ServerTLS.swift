import MediaPrimitives
import NIOCore
import NIOSSL

/// TLS towards the server (RFC 8446), as NIOSSL speaks it.
struct ServerTLS: Sendable {
    private let context: NIOSSLContext
    /// What its certificate must be for; nil for an address, which is then compared with where the connection leads.
    private let name: String?

    /// Throws `broken` where the authorities' file cannot be used.
    init(_ server: ServerAddress, _ trust: LoadPlan.Trust) throws(LoadError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        switch trust {
        case .system: break
        case .file(let path): configuration.additionalTrustRoots = [.certificates(try ServerTLS.certificates(path))]
        case .everybody: configuration.certificateVerification = .none
        }
        do { context = try NIOSSLContext(configuration: configuration) } catch { throw .broken("TLS could not be set up: \(error)") }
        name = SocketAddress(host: server.host, port: server.port) == nil ? server.host : nil
    }

    private static func certificates(_ path: String) throws(LoadError) -> [NIOSSLCertificate] {
        do {
            let certificates = try NIOSSLCertificate.fromPEMFile(path)
            guard !certificates.isEmpty else { throw LoadError.broken("\(path) has no certificate in PEM.") }
            return certificates
        } catch { throw .broken("\(path) has no certificates in PEM that can be read.") }
    }

    /// On the channel's loop, before anything else is in its pipeline.
    func begin(_ channel: any Channel) throws {
        try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: context, serverHostname: name))
    }

    /// Whether something failed in TLS, and not above it.
    static func failed(_ error: any Error) -> Bool { error is NIOSSLError || error is NIOSSLExtraError || error is BoringSSLError }
}

extension LoadPlan {
    /// What TLS needs; nil without it. Throws `broken` where the authorities' file cannot be used.
    func makeTLS() throws(LoadError) -> ServerTLS? { server.usesTLS ? try ServerTLS(server, trust) : nil }

    /// Throws what `makeTLS` does, before anybody joins.
    package func checkTrust() throws(LoadError) { _ = try makeTLS() }
}
