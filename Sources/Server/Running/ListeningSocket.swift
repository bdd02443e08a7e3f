import Foundation

/// A port held for as long as this lives, on a socket that is opened as the server opens it.
final class ListeningSocket {
    private let descriptor: Int32

    init(_ place: ListeningPlace) throws(StartError) {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE
        hints.ai_socktype = Int32((place.isTCP ? SOCK_STREAM : SOCK_DGRAM).rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(place.host, String(place.port), &hints, &found) == 0, let found else {
            throw .cannotListen(on: place, code: EADDRNOTAVAIL)
        }
        defer { freeaddrinfo(found) }
        let address = found.pointee
        let descriptor = socket(address.ai_family, address.ai_socktype, 0)
        guard descriptor >= 0 else { throw .cannotListen(on: place, code: errno) }
        if place.isTCP { Self.set(descriptor, SOL_SOCKET, SO_REUSEADDR) }
        if address.ai_family == AF_INET6, place.use != .http { Self.set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY) }
        // Sockets that reuse addresses may share a port for as long as none of them listens.
        guard bind(descriptor, address.ai_addr, address.ai_addrlen) == 0, !place.isTCP || listen(descriptor, 1) == 0 else {
            let code = errno
            close(descriptor)
            throw .cannotListen(on: place, code: code)
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32) {
        var yes: Int32 = 1
        setsockopt(descriptor, level, option, &yes, socklen_t(MemoryLayout<Int32>.size))
    }
}
