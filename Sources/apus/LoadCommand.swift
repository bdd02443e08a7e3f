import ArgumentParser
import Foundation
import HeadlessClients
import LoadTest
import MediaPrimitives
import RTP
import Server

struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Load a server with real clients, and measure what people would notice.",
        discussion: """
            Every client does ICE, DTLS, SRTP and RTCP on a socket of its own. Publishers send synthetic pictures and sound, or what is in files; of the \
            subscribers some decrypt and check everything, the rest count. Progress goes to standard error, a table to standard output.
            The key that signs tokens comes from --keys, APUS_KEYS or the configuration file, or with --dev is the one that everybody knows.
            Example: apus load --dev --url http://localhost:7880 --room load --subscribers 200 --duration 30s --min-delivery 0.999
            Exit status: 0 done, 1 a bar was missed, or somebody could not join, got nothing or was thrown out, 64 wrong usage, 69 the server does not answer.
            """)

    @Option(help: "Where the server's HTTP is: http://host:port, or https://.")
    var url: String
    @Option(help: ArgumentHelp("Trust these certificates (PEM), too.", valueName: "file"))
    var caFile: String?
    @Flag(help: "Trust any certificate.")
    var insecure = false
    @Option(help: "The room.")
    var room = "load"
    @Option(help: "whip (WHIP and WHEP), or livekit: everybody gets everything.")
    var `protocol`: LoadPlan.Signalling = .whip
    @Option(help: "udp, or tcp for media over ICE-TCP.")
    var transport = MediaTransport.udp
    @Option(parsing: .unconditional, help: ArgumentHelp("Where the server takes media over TCP, as it need not say.", valueName: "port"))
    var tcpPort: UInt16 = 7881
    @Option(parsing: .unconditional, help: ArgumentHelp("Clients that publish.", valueName: "count"))
    var publishers = 1
    @Option(parsing: .unconditional, help: ArgumentHelp("Clients that watch.", valueName: "count"))
    var subscribers = 10
    @Option(parsing: .unconditional, help: ArgumentHelp("Clients that do both (livekit only).", valueName: "count"))
    var participants = 0
    @Option(parsing: .unconditional, help: ArgumentHelp("Encodings of each camera: 2 or 3 for simulcast.", valueName: "count"))
    var layers = 1
    @Option(parsing: .unconditional, help: ArgumentHelp("How long, from when all have joined: 30s, 5m.", valueName: "duration"))
    var duration = "30s"
    @Option(parsing: .unconditional, help: ArgumentHelp("Clients that join each second.", valueName: "rate"))
    var ramp = 100.0
    @Option(parsing: .unconditional, help: ArgumentHelp("Subscribers that decrypt and check everything.", valueName: "count"))
    var verify = 3
    @Option(parsing: .unconditional, help: ArgumentHelp("Threads for subscribers; publishers have one more.", valueName: "count"))
    var threads = 1
    @Flag(inversion: .prefixedNo, help: "Sound.")
    var audio = true
    @Flag(inversion: .prefixedNo, help: "Pictures.")
    var video = true
    @Option(help: ArgumentHelp("Write what was measured as JSON; - for standard output, in place of the table.", valueName: "file"))
    var json: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("Time between two lines about how it goes; 0s for none.", valueName: "duration"))
    var progress = "5s"

    @Option(help: "vp8, vp9, h264 or av1; vp8 unless a file says otherwise.")
    var codec: PictureCodec?
    @Option(
        name: .customLong("video-file"),
        help: ArgumentHelp("Publish the pictures of this IVF file, over and over; once for each layer, lowest first.", valueName: "file"))
    var videoFiles: [String] = []
    @Option(help: ArgumentHelp("Publish the sound of this Ogg file with Opus in it, over and over.", valueName: "file"))
    var audioFile: String?
    @Option(help: ArgumentHelp("Layers in one stream: L1T3, L3T3_KEY (vp9, av1), L3T3 (vp9) and the like.", valueName: "mode"))
    var svc = "L1T1"
    @Flag(help: "Spread the packets of a picture over time, as a browser's pacer does.")
    var paced = false
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Lose this share of the packets that arrive, and ask for them again.", valueName: "share"))
    var loss = 0.0
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("So many speak at a time, and others every 2 s; the rest is silent (DTX).", valueName: "count"))
    var speakers: Int?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("So often one who publishes is muted, for half of that time.", valueName: "duration"))
    var mute: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("So often all who watch ask for another layer (livekit, --layers).", valueName: "duration"))
    var layerChanges: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("Subscribers that leave each second, each replaced by another.", valueName: "rate"))
    var churn = 0.0

    @OptionGroup(title: "What must be reached") var bars: LoadBars
    @OptionGroup(title: "Keys") var keys: LoadKeys

    func validate() throws {
        guard publishers >= 0, publishers <= 10_000, subscribers >= 0, subscribers <= 60_000, participants >= 0,
            participants <= 10_000, publishers + subscribers + participants > 0
        else {
            throw ValidationError("--publishers and --subscribers: expected somebody to join.")
        }
        guard participants == 0 || `protocol` == .livekit else { throw ValidationError("--participants needs --protocol livekit.") }
        guard tcpPort > 0 else { throw ValidationError("--tcp-port: expected a port.") }
        guard layerChanges == nil || `protocol` == .livekit && layers > 1 else {
            throw ValidationError("--layer-changes needs --protocol livekit and --layers 2 or 3.")
        }
        guard (0..<1).contains(loss) else { throw ValidationError("--loss: expected a share such as 0.01.") }
        guard (0...1_000).contains(churn) else { throw ValidationError("--churn: expected a number of subscribers a second.") }
        guard speakers ?? 0 >= 0 else { throw ValidationError("--speakers: expected a number.") }
        guard (1...3).contains(layers) else { throw ValidationError("--layers: expected 1 to 3.") }
        guard ramp > 0, ramp <= 100_000 else { throw ValidationError("--ramp: expected a number of joins a second.") }
        guard (1...64).contains(threads) else { throw ValidationError("--threads: expected 1 to 64.") }
        guard verify >= 0 else { throw ValidationError("--verify: expected a number of subscribers.") }
        guard audio || video else { throw ValidationError("--no-audio and --no-video leave nothing to send.") }
        guard videoFiles.isEmpty || video, audioFile == nil || audio else {
            throw ValidationError("--no-video and --video-file, or --no-audio and --audio-file, do not go together.")
        }
        guard videoFiles.isEmpty || layers == 1 || layers == videoFiles.count, videoFiles.count <= 3 else {
            throw ValidationError("--video-file: expected one file, or one for each of --layers.")
        }
        guard videoFiles.isEmpty || svc.uppercased() == "L1T1" else { throw ValidationError("--svc is of synthetic pictures only.") }
        guard !room.isEmpty else { throw ValidationError("--room must not be empty.") }
        _ = try plan()
    }

    private func plan() throws -> LoadPlan {
        guard let server = ServerAddress(url: url) else {
            throw ValidationError("--url: expected http://host:port or https://host:port, found \"\(url.prefix(100))\".")
        }
        var plan = LoadPlan(server: server, room: room)
        guard server.usesTLS || caFile == nil && !insecure, caFile == nil || !insecure else {
            throw ValidationError("--ca-file or --insecure: expected one of them, and https:// or wss:// in --url.")
        }
        plan.trust = insecure ? .everybody : caFile.map { .file($0) } ?? .system
        plan.signalling = `protocol`
        plan.transport = transport == .tcp ? .tcp(port: tcpPort) : .udp
        plan.publishers = publishers
        plan.subscribers = subscribers
        plan.participants = participants
        plan.layers = max(layers, videoFiles.count)
        plan.duration = try Self.interval(duration, "--duration")
        plan.progress = try Self.interval(progress, "--progress")
        plan.joinsPerSecond = ramp
        plan.verifying = verify
        plan.threads = threads
        plan.codec = (codec ?? .vp8).codec
        (plan.spatialLayers, plan.temporalLayers, plan.isKeySVC) = try scalability()
        plan.isPaced = paced
        plan.loss = loss
        plan.speakers = speakers
        if let mute { plan.mutePeriod = try Self.interval(mute, "--mute", least: .seconds(1)) }
        if let layerChanges { plan.layerPeriod = try Self.interval(layerChanges, "--layer-changes", least: .milliseconds(500)) }
        plan.churnPerSecond = churn
        plan.hasAudio = audio
        plan.hasVideo = video
        return plan
    }

    private static func interval(_ text: String, _ option: String, least: Interval = .zero) throws -> Interval {
        guard let interval = Interval(text: text), interval >= least else {
            let bound = least > .zero ? " of at least \(least.seconds) s" : ""
            throw ValidationError("\(option): expected a duration such as 30s or 5m\(bound), found \"\(text.prefix(100))\".")
        }
        return interval
    }

    /// `L<spatial>T<temporal>` and perhaps `_KEY`, as far as the codec's payloads tell layers (the modes of W3C webrtc-svc).
    private func scalability() throws -> (Int, Int, Bool) {
        let isKey = svc.uppercased().hasSuffix("_KEY")
        let digits = svc.uppercased().dropLast(isKey ? 4 : 0).split(separator: "T", omittingEmptySubsequences: false)
        guard digits.count == 2, digits[0].hasPrefix("L"), let spatial = Int(digits[0].dropFirst()), let temporal = Int(digits[1]),
            (1...3).contains(spatial), (1...3).contains(temporal)
        else { throw ValidationError("--svc: expected L1T1 to L3T3, or with _KEY, found \"\(svc.prefix(100))\".") }
        let codec = codec ?? .vp8
        guard spatial * temporal == 1 || codec == .vp9 || codec == .av1 else {
            throw ValidationError("--svc: \(codec.codec.name) has L1T1 only here.")
        }
        guard !isKey || spatial > 1 else { throw ValidationError("--svc: _KEY is of several spatial layers.") }
        guard isKey || spatial == 1 || codec == .vp9 else { throw ValidationError("--svc: AV1 has L2 and L3 with _KEY only here.") }
        return (spatial, temporal, isKey)
    }

    func run() async throws {
        var plan = try plan()
        let output: FileHandle?
        do throws(UnusableFile) {
            try addRecordings(to: &plan)
            output = if let json, json != "-" { try UnusableFile.writing(json) } else { nil }
        } catch { throw Self.failure(error.description, ExitCode(64)) }
        do throws(LoadError) { try plan.checkTrust() } catch { throw Self.failure(error.description, ExitCode(64)) }
        let report: LoadReport
        do {
            report = try await measure(plan)
        } catch let error as StartError {
            throw Self.failure(error.sentence, ExitCode(error.status.rawValue))
        } catch let error as LoadError {
            if case .unreachable = error { throw Self.failure(error.description, ExitCode(69)) }
            throw Self.failure(error.description, .failure)
        }
        if json == "-" { print(report.json, terminator: "") } else { print(report.table, terminator: "") }
        if let output {
            do {
                // A pipe has no end to be cut at.
                try? output.truncate(atOffset: 0)
                try output.write(contentsOf: Data(report.json.utf8))
            } catch { throw Self.failure("\(json ?? "") could not be written: \(FileTrouble.reason(error)).", .failure) }
        }
        for bar in report.bars where !bar.met {
            Self.say("\(bar.name) is \(bar.value), and the bar is \(bar.limit).")
        }
        if report.failed > 0 { Self.say("\(report.failed) clients could not join.") }
        if report.ended > 0 { Self.say("The connections of \(report.ended) clients ended early.") }
        if report.silent > 0 { Self.say("\(report.silent) subscribers never got any media.") }
        if report.failed + report.ended + report.silent > 0 || report.bars.contains(where: { !$0.met }) { throw ExitCode.failure }
    }

    /// Reads the files, before anybody joins.
    private func addRecordings(to plan: inout LoadPlan) throws(UnusableFile) {
        for path in videoFiles {
            let recording = try UnusableFile.reading(path) { (bytes) throws(RecordingError) in try VideoRecording(bytes.span.bytes) }
            if let codec, codec.codec != recording.codec {
                throw UnusableFile("\(path) has \(recording.codec.name) in it, and --codec says \(codec.codec.name).")
            }
            if let first = plan.pictures.first {
                guard first.codec == recording.codec else {
                    throw UnusableFile("\(path) has \(recording.codec.name) in it, and \(videoFiles[0]) \(first.codec.name).")
                }
                guard !plan.pictures.contains(where: { $0.isSame(as: recording) }) else {
                    throw UnusableFile("\(path) has the same pictures as another layer.")
                }
            }
            plan.codec = recording.codec
            plan.pictures.append(recording)
        }
        guard let audioFile else { return }
        plan.sound = try UnusableFile.reading(audioFile) { (bytes) throws(RecordingError) in try AudioRecording(bytes.span.bytes) }
    }

    private func measure(_ plan: LoadPlan) async throws -> LoadReport {
        let key = try SigningKey.find(dev: keys.dev, keys: keys.given, config: keys.config)
        let signer = await TokenKeys([key])
        let run = LoadRun(
            plan,
            tokens: { [room] identity, publishes, watches in
                let grant = VideoGrant(room: room, roomJoin: true, canPublish: publishes, canSubscribe: watches)
                let token = AccessToken(identity: identity, video: grant, now: Date().timeIntervalSince1970, validFor: 86_400)
                return await signer.sign(token, key: key.name)
            },
            tell: { Self.say($0) })
        return try await run.run(bars.bars)
    }

    private static func say(_ sentence: String) { FileHandle.standardError.write(Data("apus: \(sentence)\n".utf8)) }

    private static func failure(_ sentence: String, _ code: ExitCode) -> ExitCode {
        say(sentence)
        return code
    }
}

extension LoadPlan.Signalling: ExpressibleByArgument {}

/// How media travel, as it is written on the command line.
enum MediaTransport: String, CaseIterable, ExpressibleByArgument { case udp, tcp }

/// The codecs of pictures, as they are written on the command line.
enum PictureCodec: String, CaseIterable, ExpressibleByArgument {
    case vp8, vp9, h264, av1

    var codec: Codec {
        switch self {
        case .vp8: .vp8
        case .vp9: .vp9
        case .h264: .h264
        case .av1: .av1
        }
    }
}

/// What must be reached for status 0.
struct LoadBars: ParsableArguments {
    @Option(parsing: .unconditional, help: ArgumentHelp("Of 100 subscribers, 99 must have media within this.", valueName: "ms"))
    var maxJoinP99: Double?
    @Option(parsing: .unconditional, help: ArgumentHelp("Of 100 subscribers, 99 must have a picture within this.", valueName: "ms"))
    var maxFirstFrameP99: Double?
    @Option(parsing: .unconditional, help: ArgumentHelp("Of 100 packets, 99 must arrive within this.", valueName: "ms"))
    var maxDelayP99: Double?
    @Option(parsing: .unconditional, help: ArgumentHelp("The share of packets that every subscriber must get: 0.999.", valueName: "share"))
    var minDelivery: Double?
    @Option(parsing: .unconditional, help: ArgumentHelp("How long the picture may stand still for any subscriber.", valueName: "s"))
    var maxFreeze: Double?

    var bars: Bars {
        var bars = Bars()
        bars.joinP99 = maxJoinP99
        bars.firstFrameP99 = maxFirstFrameP99
        bars.delayP99 = maxDelayP99
        bars.delivery = minDelivery
        bars.freeze = maxFreeze
        return bars
    }
}

/// Where the key that signs tokens comes from.
struct LoadKeys: ParsableArguments {
    @Flag(help: "Sign with key \"devkey\" and secret \"secret\".")
    var dev = false
    @Option(help: ArgumentHelp("API keys: \"KEY: SECRET\"; the first signs.", valueName: "keys"))
    var keys: String?
    @Option(help: ArgumentHelp("The name of the API key, with --api-secret in place of --keys.", valueName: "key"))
    var apiKey: String?
    @Option(help: ArgumentHelp("Its secret.", valueName: "secret"))
    var apiSecret: String?
    @Option(help: ArgumentHelp("Options in YAML, as for apus serve.", valueName: "file"))
    var config: String?

    func validate() throws {
        guard (apiKey == nil) == (apiSecret == nil), apiKey == nil || keys == nil else {
            throw ValidationError("Give --keys, or --api-key with --api-secret.")
        }
    }

    var given: String? { apiKey.flatMap { key in apiSecret.map { "\(key): \($0)" } } ?? keys }
}
