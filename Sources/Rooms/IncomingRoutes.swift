import Forwarding
import MediaPrimitives

/// Where the packets of an SSRC go, without a reference counted.
struct Route {
    let ssrc: SSRC
    let binding: StreamBinding
    let publication: Unmanaged<Publication>
    let encoding: Unmanaged<Encoding>
}

/// The routes that a participant's packets took last: one look instead of a search and three objects.
///
/// Nothing here is kept alive by it: whoever changes what is bound, or which publications there are, empties it.
struct IncomingRoutes {
    /// As many as a publisher of simulcast, sound and their repair has.
    private var routes = InlineArray<16, Route?>(repeating: nil)

    @inline(__always)
    func route(of ssrc: SSRC) -> Route? {
        guard let route = routes[IncomingRoutes.place(of: ssrc)], route.ssrc == ssrc else { return nil }
        return route
    }

    mutating func note(_ route: Route) { routes[IncomingRoutes.place(of: route.ssrc)] = route }

    mutating func removeAll() { routes = InlineArray(repeating: nil) }

    @inline(__always)
    private static func place(of ssrc: SSRC) -> Int { Int(truncatingIfNeeded: ssrc.rawValue &* 0x9e37_79b1 >> 28) & 15 }
}
