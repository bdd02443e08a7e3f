import Foundation
import SwiftProtobuf

/// Why the query of a join could not be understood; in words for whoever wrote the client.
package struct JoinError: Error, Equatable, Sendable {
    package var sentence: String
}

/// What a client says of itself when it opens its signalling socket, the same for both ways of joining.
package struct JoinParameters: Sendable {
    /// `v0` has a peer connection for each direction, `v1` one for both.
    package enum Version: Sendable { case v0, v1 }

    package var version: Version
    /// As it came in v1's `join_request`, or filled from v0's query.
    package var request: Livekit_JoinRequest
    /// What the first frames are written in, until the client has sent one: text where it asked for that with `json=1`.
    package var encoding: SignalFrame.Encoding

    /// An inflated `join_request` beyond this length is refused, bytes.
    static let requestLimit = 1 << 20

    /// - Parameter query: in order, percent escapes already decoded. The first of a name counts; names that we do not know are left out.
    package init(version: Version, query: [(name: String, value: String)]) throws(JoinError) {
        let query = Query(query)
        self.version = version
        encoding = query.flag("json") ? .text : .binary
        switch version {
        case .v0: request = try Self.request(v0: query)
        case .v1: request = try Self.request(v1: query["join_request"], isOptional: encoding == .text)
        }
    }

    // MARK: One peer connection

    private static func request(v1 text: String?, isOptional: Bool) throws(JoinError) -> Livekit_JoinRequest {
        guard let text, !text.isEmpty else {
            // A page without a protobuf library can't write one, and wants what everybody wants.
            guard isOptional else { throw JoinError(sentence: "The query has no join_request.") }
            return .with { $0.connectionSettings.autoSubscribe = true }
        }
        guard let data = data(base64: text) else { throw JoinError(sentence: "The join_request is not base64url.") }
        guard let wrapped = try? Livekit_WrappedJoinRequest(serializedBytes: data, options: .known) else {
            throw JoinError(sentence: "The join_request is not a WrappedJoinRequest.")
        }
        let bytes: Data
        switch wrapped.compression {
        case .none: bytes = wrapped.joinRequest
        case .gzip:
            do throws(Gzip.Failure) { bytes = try Gzip.inflated(wrapped.joinRequest, limit: requestLimit) } catch {
                switch error {
                case .damaged: throw JoinError(sentence: "The join_request's gzip data is damaged.")
                case .tooLong: throw JoinError(sentence: "The join_request inflates to more than \(requestLimit) bytes.")
                }
            }
        case .UNRECOGNIZED(let number):
            throw JoinError(sentence: "The join_request's compression (\(number)) is not one of none and gzip.")
        }
        guard let request = try? Livekit_JoinRequest(serializedBytes: bytes, options: .known) else {
            throw JoinError(sentence: "The join_request does not hold a JoinRequest.")
        }
        return request
    }

    /// RFC 4648 §5, padded or not; the standard alphabet is taken too.
    private static func data(base64 text: String) -> Data? {
        var text = text.replacing("-", with: "+").replacing("_", with: "/")
        while text.hasSuffix("=") { text.removeLast() }
        text += String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Data(base64Encoded: text)
    }

    // MARK: Two peer connections

    private static func request(v0 query: Query) throws(JoinError) -> Livekit_JoinRequest {
        var request = Livekit_JoinRequest()
        request.clientInfo = .with {
            $0.sdk = sdks[query["sdk"]?.lowercased() ?? ""] ?? .unknown
            $0.version = query["version"] ?? ""
            $0.protocol = query.number("protocol")
            $0.os = query["os"] ?? ""
            $0.osVersion = query["os_version"] ?? ""
            $0.deviceModel = query["device_model"] ?? ""
            $0.browser = query["browser"] ?? ""
            $0.browserVersion = query["browser_version"] ?? ""
            $0.network = query["network"] ?? ""
            $0.clientProtocol = query.number("client_protocol")
        }
        request.connectionSettings = .with {
            $0.autoSubscribe = query["auto_subscribe"] == nil || query.flag("auto_subscribe")
            $0.adaptiveStream = query.flag("adaptive_stream")
            $0.disableIceLite = query.flag("disable_ice_lite")
            // Their absence means something else than false.
            if query["subscriber_allow_pause"] != nil { $0.subscriberAllowPause = query.flag("subscriber_allow_pause") }
            if query["auto_subscribe_data_track"] != nil { $0.autoSubscribeDataTrack = query.flag("auto_subscribe_data_track") }
        }
        if let text = query["attributes"], !text.isEmpty {
            guard let data = data(base64: text), let attributes = try? JSONDecoder().decode([String: String].self, from: data) else {
                throw JoinError(sentence: "The attributes are not an object of strings, as JSON in base64url.")
            }
            request.participantAttributes = attributes
        }
        request.reconnect = query.flag("reconnect")
        request.reconnectReason = Livekit_ReconnectReason(rawValue: Int(query.number("reconnect_reason"))) ?? .rrUnknown
        request.participantSid = query["sid"] ?? ""
        return request
    }

    private static let sdks: [String: Livekit_ClientInfo.SDK] = [
        "js": .js, "swift": .swift, "ios": .swift, "android": .android, "flutter": .flutter, "go": .go, "unity": .unity,
        "reactnative": .reactNative, "rust": .rust, "python": .python, "cpp": .cpp, "unityweb": .unityWeb, "node": .node,
    ]

    /// The values by their names.
    private struct Query {
        private var values: [String: String]

        init(_ pairs: [(name: String, value: String)]) { values = Dictionary(pairs, uniquingKeysWith: { first, _ in first }) }

        subscript(name: String) -> String? { values[name] }

        func flag(_ name: String) -> Bool { values[name] == "1" || values[name] == "true" }

        /// 0 where it is none: nothing that clients count on hangs on these.
        func number(_ name: String) -> Int32 { values[name].flatMap { Int32($0) } ?? 0 }
    }
}
