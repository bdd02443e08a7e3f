import HTTPTypes
import Hummingbird

/// What routes know of a request beside itself.
package struct ServerContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The far end's address, without its port: the client's, or that of a proxy between.
    let address: String

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        address = source.channel.remoteAddress?.ipAddress ?? "unknown"
    }
}

extension ServerContext {
    /// Whom limits by address count for a request: by the word of proxies that are trusted.
    func client(of request: Request, behind proxies: TrustedProxies) -> ClientAddress {
        ClientAddress(host: proxies.client(peer: address, forwarded: request.headers[values: .xForwardedFor]))
    }
}

extension HTTPField.Name {
    fileprivate static let xForwardedFor = HTTPField.Name(known: "X-Forwarded-For")
}
