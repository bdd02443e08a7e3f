import Foundation

/// The links that `--dev` prints: each opens a page that has its room and token already.
struct DevelopmentLinks: Sendable {
    let keys: TokenKeys
    /// The name of the key that signs.
    let key: String
    /// Whether there is a web app to link to.
    let webApp: Bool
    private static let room = "demo"
    private static let day: Double = 86_400

    func print(host: String, port: UInt16) async {
        let now = Date().timeIntervalSince1970
        var text = "\nApus is ready (--dev: for trying out, not for service).\n\n"
        let invitation = Invitation(room: Self.room, title: "Demo", now: now, validFor: Self.day)
        if webApp, let signed = await keys.sign(invitation, key: key) {
            text += "  Meet     \(Self.origin(host: host, port: port))/#\(signed)\n"
        }
        for (page, verb, identity) in [("publish", "Publish", "camera"), ("watch", "Watch  ", "viewer")] {
            let token = AccessToken(
                identity: identity, video: VideoGrant(room: Self.room, roomJoin: true), now: now, validFor: Self.day)
            guard let signed = await keys.sign(token, key: key) else { continue }
            text += "  \(verb)  \(Self.origin(host: host, port: port))/\(page)#room=\(Self.room)&token=\(signed)\n"
        }
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    /// Browsers give cameras to secure contexts only, and `localhost` is one.
    static func origin(host: String, port: UInt16) -> String {
        switch host {
        case "127.0.0.1", "::1", "0.0.0.0", "::": "http://localhost:\(port)"
        default: host.contains(":") ? "http://[\(host)]:\(port)" : "http://\(host):\(port)"
        }
    }
}
