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
        // All are held until the last is open, as they are when the server runs: two of ours may be in each other's way.
        var held: [ListeningSocket] = []
        let ports = configuration.listeningPlaces.map { place in
            do throws(StartError) {
                held.append(try ListeningSocket(place))
                return Finding(verdict: .ok, sentence: "\(place.description) is free")
            } catch {
                return Finding(verdict: .broken, sentence: error.sentence, error: error)
            }
        }
        let warnings = configuration.warnings.map { Finding(verdict: .slow, sentence: $0) }
        return withExtendedLifetime(held) { warnings + ports + [descriptors()] + buffers() + [cipher()] }
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
