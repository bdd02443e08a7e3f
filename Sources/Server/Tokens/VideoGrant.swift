/// What an access token permits (LiveKit's `video` claim). Absent permissions mean what LiveKit's do: see each.
package struct VideoGrant: Codable, Equatable, Sendable {
    package var room: String?
    package var roomJoin: Bool?
    /// These two default to true where they are absent.
    package var canPublish: Bool?
    package var canSubscribe: Bool?
    /// Defaults to `canPublish`.
    package var canPublishData: Bool?
    /// Narrows `canPublish` to `camera`, `microphone`, `screen_share`, `screen_share_audio`; empty or absent narrows nothing.
    package var canPublishSources: [String]?
    package var canUpdateOwnMetadata: Bool?
    package var hidden: Bool?
    package var recorder: Bool?
    package var agent: Bool?
    package var roomCreate: Bool?
    package var roomList: Bool?
    package var roomAdmin: Bool?
    package var roomRecord: Bool?
    package var ingressAdmin: Bool?
    package var destinationRoom: String?

    package init(room: String? = nil, roomJoin: Bool? = nil, canPublish: Bool? = nil, canSubscribe: Bool? = nil) {
        self.room = room
        self.roomJoin = roomJoin
        self.canPublish = canPublish
        self.canSubscribe = canSubscribe
    }

    private static let flags: [String: any WritableKeyPath<VideoGrant, Bool?> & Sendable] = [
        "roomJoin": \.roomJoin, "canPublish": \.canPublish, "canSubscribe": \.canSubscribe, "canPublishData": \.canPublishData,
        "canUpdateOwnMetadata": \.canUpdateOwnMetadata, "hidden": \.hidden, "recorder": \.recorder, "agent": \.agent,
        "roomCreate": \.roomCreate, "roomList": \.roomList, "roomAdmin": \.roomAdmin, "roomRecord": \.roomRecord,
        "ingressAdmin": \.ingressAdmin,
    ]
    private static let sources = ["camera", "microphone", "screen_share", "screen_share_audio"]

    /// Sets a grant from `name=value`, or from `name` alone for `name=true`, as the command line gives it.
    package mutating func set(_ text: String) throws(StartError) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let name = parts.first ?? ""
        let value = parts.count == 2 ? parts[1] : "true"
        if let flag = Self.flags[name] {
            guard value == "true" || value == "false" else {
                throw StartError(.usage, "--grant \(name): expected true or false, found \"\(value)\"")
            }
            self[keyPath: flag] = value == "true"
        } else if name == "canPublishSources" {
            let items = value.items
            guard !items.isEmpty, items.allSatisfy(Self.sources.contains) else {
                throw StartError(.usage, "--grant \(name): expected some of \(Self.sources.joined(separator: ",")), found \"\(value)\"")
            }
            canPublishSources = items
        } else if name == "destinationRoom", parts.count == 2 {
            destinationRoom = value
        } else {
            let known = (Self.flags.keys + ["canPublishSources", "destinationRoom"]).sorted().joined(separator: ", ")
            throw StartError(.usage, "--grant: expected one of \(known), found \"\(name)\"")
        }
    }
}
