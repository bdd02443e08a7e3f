import Deflating
import Foundation
import Signalling
import SwiftProtobuf

/// What a client sends to open a signalling socket and on it, before anybody has looked at what it says: in JSON and in protobuf.
///
/// The first byte says what the rest is, by its lowest bits.
enum SignalHarness {
    /// 0: a text frame. 1: the attributes in the query of two peer connections, as JSON or as their base64. 2: that query, `name=value` a line.
    static func runJSON(_ input: UnsafeRawBufferPointer) throws(Finding) {
        guard let first = input.first else { return }
        let bytes = Data(input.dropFirst())
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        switch first & 3 {
        case 0, 3: try check(.text(text))
        case 1:
            try check(query: [("attributes", first & 4 == 0 ? bytes.base64EncodedString() : text)])
        default:
            let pairs = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (name: String(parts[0]), value: parts.count > 1 ? String(parts[1]) : "")
            }
            try check(query: pairs)
        }
    }

    /// 0: a binary frame. 1: a `join_request` as text. 2: as what its base64 holds. 3: what its gzip data holds. 4: its gzip data. 5: a byte and
    /// how many thousands of it, gzipped.
    static func runProtobuf(_ input: UnsafeRawBufferPointer) throws(Finding) {
        guard let first = input.first else { return }
        let bytes = Data(input.dropFirst())
        switch first & 7 {
        case 0, 6, 7: try check(.binary(bytes))
        case 1: _ = try join(String(decoding: bytes, as: UTF8.self))
        case 2: _ = try join(bytes.base64EncodedString())
        case 3:
            // Packed or not, it says the same, or is refused. Nothing at all is no join_request.
            guard !bytes.isEmpty else { return }
            let plain = try join(wrapped(bytes, .none))
            let packed = try join(wrapped(Deflated.gzip(bytes, level: 1), .gzip))
            switch (plain, packed) {
            case (.success(let plain), .success(let packed)): try expect(plain == packed, "gzip changes a join_request")
            case (.failure(let plain), .failure(let packed)): try expect(plain == packed, "gzip changes why a join_request is refused")
            default: throw Finding("gzip decides over a join_request")
            }
        case 4: _ = try join(wrapped(bytes, .gzip))
        default: try inflateMuch(bytes.first ?? 0, thousands: Int(bytes.dropFirst().first ?? 0) << 4)
        }
    }

    // MARK: Frames

    /// What has been read, written in either encoding and read again, is the same.
    private static func check(_ frame: SignalFrame) throws(Finding) {
        guard let request = try? frame.request() else { return }
        guard let bytes = deterministic(request) else { throw Finding("a request that was read cannot be written") }
        guard let again = try? SignalFrame.binary(bytes).request(), again == request else {
            throw Finding("a request changes in protobuf")
        }
        guard let text = try? request.jsonString(), let reread = try? SignalFrame.text(text).request() else {
            throw Finding("a request is lost in JSON")
        }
        try expect(deterministic(reread) == bytes, "a request changes in JSON")
        switch request.message {
        case .offer(let description), .answer(let description): try PlantedBug.check(description.sdp)
        default: break
        }
    }

    private static func deterministic(_ message: some Message) -> Data? {
        var options = BinaryEncodingOptions()
        options.useDeterministicOrdering = true
        return try? message.serializedData(options: options)
    }

    // MARK: Joining

    private static func check(query: [(name: String, value: String)]) throws(Finding) {
        for version in [JoinParameters.Version.v0, .v1] {
            let request: Livekit_JoinRequest
            do throws(JoinError) {
                request = try JoinParameters(version: version, query: query).request
            } catch {
                try expect(!error.sentence.isEmpty, "refused without a reason")
                continue
            }
            try expect(deterministic(request) != nil, "a query that was read cannot be written")
        }
    }

    private static func join(_ text: String) throws(Finding) -> Result<Livekit_JoinRequest, JoinError> {
        let result: Result<Livekit_JoinRequest, JoinError>
        do throws(JoinError) {
            result = .success(try JoinParameters(version: .v1, query: [("join_request", text)]).request)
        } catch { result = .failure(error) }
        switch result {
        case .success(let request):
            guard let bytes = deterministic(request) else { throw Finding("a join_request that was read cannot be written") }
            try expect(bytes.count <= 4 << 20, "a join_request of \(bytes.count) bytes")
            try PlantedBug.check(request.publisherOffer.sdp)
        case .failure(let error): try expect(!error.sentence.isEmpty, "refused without a reason")
        }
        return result
    }

    private static func wrapped(_ data: Data, _ compression: Livekit_WrappedJoinRequest.Compression) -> String {
        let wrapped = Livekit_WrappedJoinRequest.with {
            $0.compression = compression
            $0.joinRequest = data
        }
        return deterministic(wrapped)?.base64EncodedString() ?? ""
    }

    /// Up to 4 MB in some 4 kB.
    private static func inflateMuch(_ byte: UInt8, thousands: Int) throws(Finding) {
        let size = thousands << 10
        let result = try join(wrapped(Deflated.gzip(Data(repeating: byte, count: size), level: 1), .gzip))
        guard size > 1 << 20 else { return }
        guard case .failure(let error) = result, error.sentence.contains("more than") else { throw Finding("\(size) bytes were inflated") }
    }
}
