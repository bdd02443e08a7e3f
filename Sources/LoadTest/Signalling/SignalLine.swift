import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Signalling
import SwiftProtobuf

/// A client's end of a signalling socket (RFC 6455): binary frames, one message each.
struct SignalLine: Sendable {
    typealias Frames = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>

    private let frames: Frames
    /// A frame of a room with a thousand people in it may be long.
    private static let frameLimit = 16 << 20

    /// Asks for an upgrade of `path`. Where there is none it throws what the server has answered.
    init(_ http: HTTPClient, path: String, headers: HTTPHeaders) async throws(LoadError) {
        let upgrade: EventLoopFuture<Frames?>
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: http.server.prefix + path, headers: headers)
        head.headers.add(name: "host", value: http.server.authority)
        do {
            upgrade = try await ClientBootstrap(group: http.group)
                .connectTimeout(.seconds(10))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .connect(host: http.server.host, port: Int(http.server.port)) { [head, tls = http.tls] channel in
                    channel.eventLoop.makeCompletedFuture {
                        try tls?.begin(channel)
                        return try SignalLine.prepare(channel, head)
                    }
                }
        } catch { throw .unreachable(http.server.silence(error)) }
        do {
            guard let frames = try await upgrade.get() else { throw LoadError.broken("The server opened no signalling socket.") }
            self.frames = frames
        } catch { throw .broken("The server opened no signalling socket: \(error)") }
    }

    private static func prepare(_ channel: any Channel, _ head: HTTPRequestHead) throws -> EventLoopFuture<Frames?> {
        let upgrader = NIOTypedWebSocketClientUpgrader<Frames?>(
            maxFrameSize: frameLimit,
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    let joiner = NIOWebSocketFrameAggregator(
                        minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 1_024, maxAccumulatedFrameSize: frameLimit)
                    try channel.pipeline.syncOperations.addHandler(joiner)
                    return try Frames(wrappingChannelSynchronously: channel)
                }
            })
        let configuration = NIOTypedHTTPClientUpgradeConfiguration<Frames?>(
            upgradeRequestHead: head, upgraders: [upgrader],
            notUpgradingCompletionHandler: { channel in
                channel.close(promise: nil)
                return channel.eventLoop.makeSucceededFuture(nil)
            })
        var pipeline = NIOUpgradableHTTPClientPipelineConfiguration(upgradeConfiguration: configuration)
        // The server's first frames may come with its answer to the request.
        pipeline.leftOverBytesStrategy = .forwardBytes
        return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(configuration: pipeline)
    }

    /// What writes to the line; from anywhere.
    struct Writer: Sendable {
        fileprivate let outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>

        func send(_ request: Livekit_SignalRequest) async {
            guard let bytes = try? request.serializedData() as Data else { return }
            let frame = WebSocketFrame(fin: true, opcode: .binary, maskKey: .random(), data: ByteBuffer(bytes: bytes))
            try? await outbound.write(frame)
        }

        func close() async {
            try? await outbound.write(WebSocketFrame(fin: true, opcode: .connectionClose, maskKey: .random(), data: ByteBuffer()))
        }

        fileprivate func pong(_ data: ByteBuffer) async {
            try? await outbound.write(WebSocketFrame(fin: true, opcode: .pong, maskKey: .random(), data: data))
        }
    }

    /// Gives `opened` the writer, then `receive` message after message, until the line ends.
    func run(opened: @escaping @Sendable (Writer) async -> Void, receive: @escaping @Sendable (Livekit_SignalResponse) async -> Void) async
    {
        try? await frames.executeThenClose { inbound, outbound in
            let writer = Writer(outbound: outbound)
            await opened(writer)
            for try await frame in inbound {
                switch frame.opcode {
                case .binary:
                    var options = BinaryDecodingOptions()
                    options.discardUnknownFields = true
                    let bytes = Data(frame.unmaskedData.readableBytesView)
                    if let response = try? Livekit_SignalResponse(serializedBytes: bytes, options: options) { await receive(response) }
                case .ping: await writer.pong(frame.unmaskedData)
                case .connectionClose: return
                default: break
                }
            }
        }
    }
}
