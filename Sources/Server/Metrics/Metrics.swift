import MediaPrimitives
import RTP
import Rooms

/// Everything that `/metrics` says, gathered when it is asked.
package struct Metrics: Sendable {
    package var workers: [WorkerStatistics]
    package var census: RoomCensus
    package var signalSockets: Int
    package var requests: [(key: RequestCounts.Key, count: UInt64)]
    package var process: ProcessStatistics

    package var text: String {
        var out = PrometheusText()
        out.family("apus_build_info", .gauge, "Always 1; which version this is.")
        out.sample("apus_build_info", 1, ["version": Version.current])
        out.family("apus_transports", .gauge, "ICE and DTLS associations.")
        each { out.sample("apus_transports", $1.transports, ["worker": $0]) }
        let totals: [(name: String, help: String, value: KeyPath<WorkerStatistics, Int>)] = [
            ("apus_tracks", "Published tracks.", \.publications),
            ("apus_subscriptions", "Tracks being sent to somebody.", \.subscriptions),
            ("apus_paused_subscriptions", "Tracks not sent to somebody who has no room for them.", \.pausedSubscriptions),
            ("apus_limited_subscriptions", "Tracks sent to somebody who has no room for all of them.", \.limitedSubscriptions),
            ("apus_downlinks", "Participants of whose connections there is an estimate.", \.downlinks),
            ("apus_downlink_estimates_bits_per_second", "What all of these carry, by the estimates.", \.downlinkEstimates),
        ]
        for (name, help, value) in totals {
            out.family(name, .gauge, help)
            out.sample(name, workers.reduce(0) { $0 + $1[keyPath: value] })
        }
        out.family("apus_rooms", .gauge, "Rooms with somebody in them.")
        out.sample("apus_rooms", census.rooms)
        out.family("apus_participants", .gauge, "Participants, without hidden ones and viewers.")
        out.sample("apus_participants", census.participants)
        out.family("apus_http_sessions", .gauge, "WHIP and WHEP sessions.")
        out.sample("apus_http_sessions", census.sessions)
        out.family("apus_signal_sockets", .gauge, "Open signalling sockets.")
        out.sample("apus_signal_sockets", signalSockets)
        out.family("apus_packets_total", .counter, "Datagrams by direction and kind.")
        traffic { out.sample("apus_packets_total", $3.packets($1), ["direction": $0, "kind": $1.name, "worker": $2]) }
        out.family("apus_bytes_total", .counter, "Bytes of UDP payload by direction and kind.")
        traffic { out.sample("apus_bytes_total", $3.bytes($1), ["direction": $0, "kind": $1.name, "worker": $2]) }
        out.family("apus_dropped_packets_total", .counter, "Packets that were not used, by reason.")
        each { worker, statistics in
            for reason in DropReason.allCases {
                out.sample(
                    "apus_dropped_packets_total", statistics.counters.dropped(reason), ["reason": reason.name, "worker": worker])
            }
        }
        out.family("apus_keyframe_requests_total", .counter, "Keyframes asked for: by subscribers (in), of publishers (out).")
        each {
            out.sample("apus_keyframe_requests_total", $1.counters.requestsReceived.keyframes, ["direction": "in", "worker": $0])
            out.sample("apus_keyframe_requests_total", $1.counters.requestsSent.keyframes, ["direction": "out", "worker": $0])
        }
        out.family("apus_replayed_keyframes_total", .counter, "Subscribers who began with a keyframe that had come before.")
        each {
            out.sample("apus_replayed_keyframes_total", $1.joinersServed, ["worker": $0])
        }
        out.family("apus_missing_packets_total", .counter, "Packets asked for again: by subscribers (in), of publishers (out).")
        each {
            out.sample("apus_missing_packets_total", $1.counters.requestsReceived.packets, ["direction": "in", "worker": $0])
            out.sample("apus_missing_packets_total", $1.counters.requestsSent.packets, ["direction": "out", "worker": $0])
        }
        out.family("apus_relays", .gauge, "Tracks that a worker has from another one.")
        each { out.sample("apus_relays", $1.relays, ["worker": $0]) }
        out.family("apus_relayed_packets_total", .counter, "Packets of tracks, from a worker to another one.")
        each {
            out.sample("apus_relayed_packets_total", $1.relayedIn, ["direction": "in", "worker": $0])
            out.sample("apus_relayed_packets_total", $1.relayedOut, ["direction": "out", "worker": $0])
        }
        out.family("apus_handed_over_datagrams_total", .counter, "Datagrams that arrived at another worker than their transport's.")
        each {
            out.sample("apus_handed_over_datagrams_total", $1.handedOverIn, ["direction": "in", "worker": $0])
            out.sample("apus_handed_over_datagrams_total", $1.handedOverOut, ["direction": "out", "worker": $0])
        }
        out.family("apus_ring_drops_total", .counter, "What a worker had for another one and found no room for.")
        each { out.sample("apus_ring_drops_total", $1.ringDrops, ["worker": $0]) }
        out.family("apus_loop_lag_seconds", .gauge, "How late the loop served a timer, the worst since the last scrape.")
        each { out.sample("apus_loop_lag_seconds", $1.loopLag.seconds, ["worker": $0]) }
        out.family("apus_http_requests_total", .counter, "Requests answered, by route and status.")
        for (key, count) in requests { out.sample("apus_http_requests_total", count, ["route": key.route, "status": String(key.status)]) }
        out.family("process_resident_memory_bytes", .gauge, "Resident memory.")
        out.sample("process_resident_memory_bytes", process.residentBytes)
        out.family("process_open_fds", .gauge, "Open file descriptors.")
        out.sample("process_open_fds", process.openDescriptors)
        out.family("process_cpu_seconds_total", .counter, "User and system CPU time.")
        out.sample("process_cpu_seconds_total", process.cpuSeconds)
        return out.text
    }

    private func each(_ body: (String, WorkerStatistics) -> Void) {
        for (number, statistics) in workers.enumerated() { body(String(number), statistics) }
    }

    private func traffic(_ body: (String, PacketKind, String, Counters.Traffic) -> Void) {
        each { worker, statistics in
            for kind in PacketKind.allCases {
                body("in", kind, worker, statistics.counters.received)
                body("out", kind, worker, statistics.counters.sent)
            }
        }
    }
}
