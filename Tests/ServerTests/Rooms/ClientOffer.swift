import ClientOffers
import SDP

/// What a real client offered, section by section, so that what it would offer next can be made of it.
struct ClientOffer: Sendable {
    struct Section: Sendable {
        var lines: [String]
        var mid: String { lines.first { $0.hasPrefix("a=mid:") }.map { String($0.dropFirst(6)) } ?? "" }
        var kind: String { String(lines.first?.dropFirst(2).prefix { $0 != " " } ?? "") }
    }

    private var session: [String]
    private(set) var sections: [Section] = []

    init(_ text: String) {
        session = []
        for line in text.split(separator: "\n").map(String.init) {
            if line.hasPrefix("m=") { sections.append(Section(lines: [])) }
            if sections.isEmpty { session.append(line) } else { sections[sections.count - 1].lines.append(line) }
        }
    }

    /// LiveKit's Rust client on joining: `0` to `2` for audio and `3` to `5` for video, all to receive.
    static let liveKit = ClientOffer(LiveKitOffers.first)
    /// The same under the name that Firefox says.
    static var firefox: ClientOffer {
        var offer = liveKit
        offer.session = offer.session.map { $0.hasPrefix("o=-") ? "o=mozilla...THIS_IS_SDPARTA-99.0" + $0.dropFirst(3) : $0 }
        return offer
    }
    /// What it sends by: a camera in three layers, and a microphone.
    private static let sending = ClientOffer(LiveKitOffers.second).sections.suffix(2)

    /// Its offer on the connection by which a v0 client sends: nothing yet but data channels.
    static var publisherOnly: ClientOffer {
        var offer = liveKit
        offer.sections = offer.sections.filter { $0.kind == "application" }
        return offer
    }

    var text: String {
        let group = "a=group:BUNDLE " + sections.map(\.mid).joined(separator: " ")
        let head = session.map { $0.hasPrefix("a=group:") ? group : $0 }
        return (head + sections.flatMap(\.lines)).joined(separator: "\r\n") + "\r\n"
    }

    /// A new section that sends track `cid`; its mid.
    mutating func send(_ cid: String, kind: String) -> String {
        append(Self.sending.first { $0.kind == kind }, track: cid)
    }

    /// Sends track `cid` by a section that there is.
    mutating func send(_ cid: String, by mid: String) { change(mid, direction: "sendonly", track: cid) }

    /// Sends no more by `mid`. As LiveKit's clients do it: the track's name stays behind.
    mutating func stop(_ mid: String) { change(mid, direction: "recvonly", track: nil) }

    /// More sections to receive by.
    mutating func receive(audios: Int, videos: Int) {
        for (kind, count) in [("audio", audios), ("video", videos)] {
            for _ in 0..<count { _ = append(Self.liveKit.sections.first { $0.kind == kind }, track: nil) }
        }
    }

    /// Has this codec no more.
    mutating func forget(_ codec: String) {
        for index in sections.indices {
            sections[index].lines = sections[index].lines.map { $0.replacing(" \(codec)/", with: " X-\(codec)/") }
        }
    }

    mutating func restartICE(_ ufrag: String) {
        let change = { (line: String) in line.hasPrefix("a=ice-ufrag:") ? "a=ice-ufrag:" + ufrag : line }
        for index in sections.indices { sections[index].lines = sections[index].lines.map(change) }
    }

    private mutating func append(_ template: Section?, track: String?) -> String {
        let mid = String(sections.count)
        var section = template ?? Section(lines: [])
        section.lines = section.lines.map { $0.hasPrefix("a=mid:") ? "a=mid:" + mid : $0 }
        sections.append(section)
        if let track { change(mid, direction: "sendonly", track: track) }
        return mid
    }

    private mutating func change(_ mid: String, direction: String, track: String?) {
        guard let index = sections.firstIndex(where: { $0.mid == mid }) else { return }
        var lines = sections[index].lines
        if track != nil { lines.removeAll { $0.hasPrefix("a=msid:") || $0.hasPrefix("a=ssrc") } }
        lines = lines.flatMap { line in
            guard ["a=sendonly", "a=recvonly", "a=sendrecv", "a=inactive"].contains(line) else { return [line] }
            return ["a=" + direction] + (track.map { ["a=msid:- " + $0] } ?? [])
        }
        sections[index].lines = lines
    }
}

/// How Chromium answers offers of ours: all that is sent is received.
enum ClientAnswer {
    private static let chromium = ClientOffer(ChromiumRoomOffers.subscriberAnswer)

    static func text(to offer: String, decoding: Set<String> = ["VP8", "H264"]) throws -> String {
        let offered = try SessionDescription(parsing: offer).media
        var lines = [
            "v=0", "o=- 5500409944332807024 2 IN IP4 127.0.0.1", "s=-", "t=0 0",
            "a=group:BUNDLE " + offered.compactMap(\.mid).joined(separator: " "),
        ]
        for section in offered {
            let template = chromium.sections.first { $0.kind == section.kind.name && $0.lines.contains("a=recvonly") }
            for line in template?.lines ?? [] {
                if line.hasPrefix("a=mid:") {
                    lines.append("a=mid:" + (section.mid ?? ""))
                } else if line == "a=recvonly" {
                    lines.append(section.direction == .sendonly ? "a=recvonly" : "a=inactive")
                } else if !line.hasPrefix("a=rtpmap:") || line.contains("opus") || line.contains("rtx")
                    || decoding.contains(where: { line.contains(" \($0)/") })
                {
                    lines.append(line)
                }
            }
        }
        return lines.joined(separator: "\r\n") + "\r\n"
    }
}
