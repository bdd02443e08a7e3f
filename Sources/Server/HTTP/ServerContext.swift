import HTTPTypes
import Hummingbird

/// What routes know of a request beside itself.
package struct ServerContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The client's address, without its port; that of a proxy, where one stands between.
    let address: String

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        address = source.channel.remoteAddress?.ipAddress ?? "unknown"
    }
}

extension ServerContext {
    /// Where a request comes from, by the word of proxies that are trusted.
    func client(of request: Request, behind proxies: TrustedProxies) -> String {
        proxies.client(peer: address, forwarded: request.headers[values: .xForwardedFor])
    }
}

extension HTTPField.Name {
    fileprivate static let xForwardedFor = HTTPField.Name(known: "X-Forwarded-For")
}
