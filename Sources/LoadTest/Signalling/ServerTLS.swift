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

    /// Why something failed in TLS, in words; nil where it failed above it. What the library says names files of the machine where it was built.
    static func failure(_ error: any Error) -> String? {
        switch error {
        case let error as BoringSSLError: words(error)
        case NIOSSLError.handshakeFailed(let error), NIOSSLError.shutdownFailed(let error): words(error)
        case let error as NIOSSLExtraError: error.description
        case let error as NIOSSLError: "\(error)"
        default: nil
        }
    }

    private static func words(_ error: BoringSSLError) -> String {
        switch error {
        case .sslError(let stack), .unknownError(let stack), .invalidSNIName(let stack), .failedToSetALPN(let stack):
            // "Error: 268435703 error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER at FILE:LINE"
            let name = stack.first?.description.firstMatch(of: #/:([A-Z0-9_]+) at /#)?.1 ?? ""
            switch name {
            case "WRONG_VERSION_NUMBER", "HTTP_REQUEST": return "what answers speaks no TLS"
            case "CERTIFICATE_VERIFY_FAILED": return "its certificate is not of an authority that is trusted"
            case "": return "the connection ended during the handshake"
            default: return name.lowercased().split(separator: "_").joined(separator: " ")
            }
        default: return "the connection ended during the handshake"
        }
    }
}

extension LoadPlan {
    /// What TLS needs; nil without it. Throws `broken` where the authorities' file cannot be used.
    func makeTLS() throws(LoadError) -> ServerTLS? { server.usesTLS ? try ServerTLS(server, trust) : nil }

    /// Throws what `makeTLS` does, before anybody joins.
    package func checkTrust() throws(LoadError) { _ = try makeTLS() }
}
