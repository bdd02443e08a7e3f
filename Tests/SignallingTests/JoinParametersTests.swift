import Deflating
import Foundation
import Signalling
import SwiftProtobuf
import Testing

@Suite("Join parameters")
struct JoinParametersTests {
    private typealias Query = [(name: String, value: String)]

    private func sentence(_ version: JoinParameters.Version, _ query: Query) -> String? {
        do throws(JoinError) {
            _ = try JoinParameters(version: version, query: query)
            return nil
        } catch {
            return error.sentence
        }
    }

    // MARK: v0

    @Test("Two peer connections: the query says it all")
    func everything() throws {
        let attributes = Data(#"{"a":"1","ü":"?>"}"#.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
        let parameters = try JoinParameters(
            version: .v0,
            query: [
                ("protocol", "16"), ("client_protocol", "1"), ("sdk", "js"), ("version", "2.5.3"), ("os", "Linux"), ("os_version", "6"),
                ("device_model", "x"), ("browser", "Chromium"), ("browser_version", "140"), ("network", "wifi"), ("auto_subscribe", "0"),
                ("adaptive_stream", "1"), ("subscriber_allow_pause", "false"), ("disable_ice_lite", "true"), ("reconnect", "1"),
                ("sid", "PA_x"), ("reconnect_reason", "2"), ("attributes", attributes), ("access_token", "t"), ("sdk", "go"),
            ])
        let request = parameters.request
        #expect(parameters.version == .v0 && parameters.encoding == .binary)
        let client = request.clientInfo
        #expect(client.protocol == 16 && client.clientProtocol == 1 && client.sdk == .js && client.version == "2.5.3")
        #expect(client.os == "Linux" && client.osVersion == "6" && client.deviceModel == "x" && client.network == "wifi")
        #expect(client.browser == "Chromium" && client.browserVersion == "140")
        let settings = request.connectionSettings
        #expect(!settings.autoSubscribe && settings.adaptiveStream && settings.disableIceLite)
        #expect(settings.hasSubscriberAllowPause && !settings.subscriberAllowPause && !settings.hasAutoSubscribeDataTrack)
        #expect(request.reconnect && request.participantSid == "PA_x" && request.reconnectReason == .rrPublisherFailed)
        #expect(request.participantAttributes == ["a": "1", "ü": "?>"])
    }

    @Test("Two peer connections: an empty query subscribes to everything")
    func nothing() throws {
        let request = try JoinParameters(version: .v0, query: []).request
        #expect(request.connectionSettings.autoSubscribe && !request.reconnect && request.clientInfo.sdk == .unknown)
        #expect(!request.connectionSettings.adaptiveStream && !request.connectionSettings.hasSubscriberAllowPause)
    }

    @Test(
        "Flags are 1 or true",
        arguments: [("1", true), ("true", true), ("0", false), ("false", false), ("", false), ("yes", false), ("TRUE", false)])
    func flags(_ text: String, _ expected: Bool) throws {
        for name in ["auto_subscribe", "adaptive_stream", "reconnect", "json"] {
            let parameters = try JoinParameters(version: .v0, query: [(name, text)])
            let request = parameters.request
            let found =
                switch name {
                case "auto_subscribe": request.connectionSettings.autoSubscribe
                case "adaptive_stream": request.connectionSettings.adaptiveStream
                case "reconnect": request.reconnect
                default: parameters.encoding == .text
                }
            #expect(found == expected, "\(name)=\(text)")
        }
    }

    @Test("Numbers that are none, or too big, are nought", arguments: ["", "x", "-", "99999999999999999999", "1.5"])
    func numbers(_ text: String) throws {
        let request = try JoinParameters(version: .v0, query: [("protocol", text), ("reconnect_reason", text)]).request
        #expect(request.clientInfo.protocol == 0 && request.reconnectReason == .rrUnknown)
        let negative = try JoinParameters(version: .v0, query: [("protocol", "-1"), ("reconnect_reason", "77")]).request
        #expect(negative.clientInfo.protocol == -1 && negative.reconnectReason == .UNRECOGNIZED(77))
    }

    @Test("Attributes that are no object of strings are refused", arguments: ["!", "e30", "W10", "eyJhIjoxfQ", "bm90aGluZw", "\u{0}", "A"])
    func attributes(_ text: String) throws {
        let refused = sentence(.v0, [("attributes", text)])
        #expect(text == "e30" ? refused == nil : refused?.contains("attributes") == true)
    }

    // MARK: v1

    private static let joinRequest = Livekit_JoinRequest.with {
        $0.clientInfo.sdk = .python
        $0.connectionSettings.autoSubscribe = true
        $0.publisherOffer.sdp = String(repeating: "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", count: 300)
    }

    private func wrapped(_ data: Data, _ compression: Livekit_WrappedJoinRequest.Compression) throws -> String {
        let wrapped = Livekit_WrappedJoinRequest.with {
            $0.compression = compression
            $0.joinRequest = data
        }
        return try wrapped.serializedData().base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
    }

    @Test("One peer connection: plain or gzipped, padded or not")
    func wrappedRequests() throws {
        let data = try Self.joinRequest.serializedData()
        for text in [try wrapped(data, .none), try wrapped(Deflated.gzip(data), .gzip)] {
            for text in [text, text.replacing("=", with: ""), text.replacing("-", with: "+").replacing("_", with: "/")] {
                let parameters = try JoinParameters(version: .v1, query: [("join_request", text)])
                #expect(parameters.request == Self.joinRequest && parameters.encoding == .binary && parameters.version == .v1)
            }
        }
        let json = try JoinParameters(version: .v1, query: [("json", "1"), ("join_request", wrapped(data, .none))])
        #expect(json.request == Self.joinRequest && json.encoding == .text)
    }

    @Test("Only a page that speaks JSON may leave its request out")
    func missing() throws {
        #expect(sentence(.v1, [])?.contains("no join_request") == true)
        #expect(sentence(.v1, [("join_request", "")])?.contains("no join_request") == true)
        let parameters = try JoinParameters(version: .v1, query: [("json", "1")])
        #expect(parameters.request.connectionSettings.autoSubscribe && parameters.encoding == .text)
    }

    @Test("What is no request is refused")
    func hostile() throws {
        let data = try Self.joinRequest.serializedData()
        let packed = Deflated.gzip(data)
        let cases: [(String, String)] = [
            ("%%%", "base64url"), ("A", "base64url"), ("ü", "base64url"), ("_____w", "WrappedJoinRequest"),
            (try wrapped(Data([0xff, 0xff]), .none), "JoinRequest"),
            (try wrapped(data.prefix(data.count - 1), .none), "JoinRequest"),
            (try wrapped(data, .gzip), "damaged"),
            (try wrapped(Data(), .gzip), "damaged"),
            (try wrapped(packed.prefix(packed.count / 2), .gzip), "damaged"),
            (try wrapped(packed.prefix(packed.count - 1), .gzip), "damaged"),
            (try wrapped(packed + [0], .gzip), "damaged"),
            (try wrapped(packed + packed, .gzip), "damaged"),
            (try wrapped(data, .UNRECOGNIZED(7)), "compression (7)"),
        ]
        for (text, words) in cases { #expect(sentence(.v1, [("join_request", text)])?.contains(words) == true, "\(words)") }
    }

    @Test("A bomb is not inflated beyond the limit; up to it a request may be")
    func bomb() throws {
        let bomb = Deflated.gzip(Data(repeating: 0, count: 64 << 20))
        #expect(bomb.count < 100_000)
        #expect(sentence(.v1, [("join_request", try wrapped(bomb, .gzip))])?.contains("more than 1048576 bytes") == true)
        var big = Livekit_JoinRequest()
        big.metadata = String(repeating: "a", count: (1 << 20) - 5)
        #expect(try big.serializedData().count > 1 << 20 - 4)
        for (spare, fits) in [(5, true), (0, false)] {
            big.metadata = String(repeating: "a", count: (1 << 20) - spare)
            let refused = sentence(.v1, [("join_request", try wrapped(Deflated.gzip(big.serializedData()), .gzip))])
            #expect((refused == nil) == fits, "\(spare)")
        }
    }

    @Test("Any change of a byte, and any cut, is read or refused, without a trap")
    func mutations() throws {
        let packed = [UInt8](
            try Data(
                base64Encoded: wrapped(Deflated.gzip(Self.joinRequest.serializedData()), .gzip).replacing("-", with: "+").replacing(
                    "_", with: "/"))!
        )
        for index in packed.indices {
            for bit in [UInt8(1), 0x10, 0x80] {
                var changed = packed
                changed[index] ^= bit
                _ = sentence(.v1, [("join_request", Data(changed).base64EncodedString())])
            }
            #expect(sentence(.v1, [("join_request", Data(packed[..<index]).base64EncodedString())]) != nil)
        }
    }
}
