import Foundation
import MediaSecurity
import MediaWorker

/// What `apus check` looks at on the machine: whether the ports are free, and what would make the server slow.
package enum MachineCheck {
    /// One thing that was looked at.
    package struct Finding: Sendable {
        package enum Verdict: String, Sendable { case ok, slow, broken }

        package var verdict: Verdict
        package var sentence: String
        /// What `apus serve` would end with; only of what is broken.
        package var error: StartError?

        package var line: String { verdict.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0) + sentence }
    }

    /// Descriptors that leave room for a few thousand connections.
    private static let enoughDescriptors: UInt64 = 8_192

    package static func findings(for configuration: ServeConfiguration) -> [Finding] {
        var findings: [Finding] = []
        for host in configuration.httpHosts { findings.append(port(configuration.port, on: host, isTCP: true, .port)) }
        findings.append(port(configuration.adminPort, on: "127.0.0.1", isTCP: true, .adminPort))
        findings.append(port(configuration.udpPort, on: "0.0.0.0", isTCP: false, .udpPort))
        findings.append(port(configuration.tcpPort, on: "0.0.0.0", isTCP: true, .tcpPort))
        return findings + [descriptors()] + buffers() + [cipher()]
    }

    /// Binds the port for a moment.
    private static func port(_ port: UInt16, on host: String, isTCP: Bool, _ option: ServeOption) -> Finding {
        let name = isTCP ? "TCP" : "UDP"
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE
        hints.ai_socktype = Int32((isTCP ? SOCK_STREAM : SOCK_DGRAM).rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0, let found else {
            let error = StartError.cannotListen(on: host, port: port, protocolName: name, option: option, code: EADDRNOTAVAIL)
            return Finding(verdict: .broken, sentence: error.sentence, error: error)
        }
        defer { freeaddrinfo(found) }
        let descriptor = socket(found.pointee.ai_family, found.pointee.ai_socktype, 0)
        defer { if descriptor >= 0 { close(descriptor) } }
        var yes: Int32 = 1
        if isTCP { setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size)) }
        guard descriptor >= 0, bind(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else {
            let error = StartError.cannotListen(on: host, port: port, protocolName: name, option: option, code: errno)
            return Finding(verdict: .broken, sentence: error.sentence, error: error)
        }
        return Finding(verdict: .ok, sentence: "\(name) port \(port) on \(host) is free")
    }

    private static func descriptors() -> Finding {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return Finding(verdict: .slow, sentence: "the limit of open files can't be read")
        }
        let maximum = UInt64(limit.rlim_max)
        return maximum >= enoughDescriptors
            ? Finding(verdict: .ok, sentence: "\(maximum) files may be open")
            : Finding(
                verdict: .slow,
                sentence: "only \(maximum) files may be open: raise the limit (ulimit -n, LimitNOFILE) to \(enoughDescriptors) or more")
    }

    /// What the media sockets get of what they ask for: beyond the system's limit only with CAP_NET_ADMIN.
    package static func buffers() -> [Finding] {
        guard let given = SocketBuffers.given() else {
            return [Finding(verdict: .slow, sentence: "the sizes of UDP buffers can't be read")]
        }
        return [
            buffer("receive", given.receive, of: SocketBuffers.wanted.receive, "rmem_max"),
            buffer("send", given.send, of: SocketBuffers.wanted.send, "wmem_max"),
        ]
    }

    package static func buffer(_ direction: String, _ given: Int, of wanted: Int, _ setting: String) -> Finding {
        given >= wanted
            ? Finding(verdict: .ok, sentence: "UDP \(direction) buffers have \(given) bytes")
            : Finding(
                verdict: .slow,
                sentence: "UDP \(direction) buffers have only \(given) bytes and may drop bursts: sysctl -w net.core.\(setting)=\(wanted)")
    }

    private static func cipher() -> Finding {
        SRTPCipher.multiBuffer.isAvailable
            ? Finding(verdict: .ok, sentence: "media is encrypted by libipsec-mb")
            : Finding(
                verdict: .slow,
                sentence: "libipsec-mb or a processor with AES instructions is missing: encryption by OpenSSL takes several times as long")
    }
}
