import HeadlessClients
import MediaPrimitives
import RTP
import Rooms
import Simulation

/// A world in which a scenario is played, with a plan of what happens when, and a sample of everything that is judged every 100 ms.
///
/// Instants are given in seconds since the first viewers joined; publishers have been there for two seconds by then.
package final class Stage {
    package static let sampling = Interval.milliseconds(100)

    /// The conditions have become others: for so long afterwards no rate is judged.
    package struct Change {
        package enum Kind: Sendable { case up, down }
        package var kind: Kind
        package var at: Instant
        package var settling: Interval
    }

    package let world: SimulatedWorld
    package private(set) var publishers: [Publisher] = []
    package private(set) var viewers: [Viewer] = []
    package private(set) var changes: [Change] = []
    /// The scenario's zero.
    package private(set) var begin: Instant
    package var now: Instant { world.now }

    /// The oracle itself decides what each viewer is sent: what then is not met, nobody could meet.
    package var isGuided = false

    private var plan: [(at: Instant, order: Int, body: () throws -> Void)] = []
    /// What a plan's part threw: the scenario itself is wrong.
    private(set) var error: (any Error)?

    init(seed: UInt64) throws {
        world = try SimulatedWorld(seed: seed)
        begin = world.now + .seconds(2)
    }

    // MARK: Who is there

    /// Somebody publishes from now on: two seconds before the first viewers, unless time has begun.
    @discardableResult
    package func publish(_ name: String = "camera", _ change: (inout PeerPlan) -> Void = { _ in }) throws -> Publisher {
        var plan = PeerPlan.publisher(name)
        plan.video = .camera
        change(&plan)
        let publisher = Publisher(try world.join(plan), shapes: plan.video?.shapes ?? [])
        publishers.append(publisher)
        return publisher
    }

    /// Somebody watches `publishers`, a screen for each, and hears the first of them. `way` changes his links.
    @discardableResult
    package func watch(
        _ publishers: [Publisher]? = nil, name: String? = nil, behind bottleneck: Bottleneck? = nil,
        _ change: (inout PeerPlan) -> Void = { _ in }
    ) throws -> Viewer {
        if now < begin { world.run(for: begin - now) }
        let watched = publishers ?? Array(self.publishers.prefix(1))
        var plan = PeerPlan.viewer(name ?? "viewer \(viewers.count)")
        plan.following = .nobody
        plan.screens = watched.count
        plan.manner = .browser
        plan.downlink.delay = .milliseconds(25)
        plan.uplink.delay = .milliseconds(25)
        change(&plan)
        let peer = try world.join(plan)
        peer.downlink.bottleneck = bottleneck
        let viewer = Viewer(
            peer, screens: zip(peer.videos, watched).map { Screen($0, of: $1) }, bottleneck: bottleneck, loss: plan.downlink.meanLoss,
            joined: now)
        viewers.append(viewer)
        world.negotiate(peer) { _, sending in
            for (index, publisher) in watched.enumerated() {
                sending[index].source = publisher.peer.tracks.first { $0.parameters.kind == .video }
            }
            sending[watched.count].source = watched.first?.peer.tracks.first { $0.parameters.kind == .audio }
        }
        return viewer
    }

    /// A narrow place in front of whoever is behind it.
    package func bottleneck(
        _ plan: RatePlan, queue: LinkConditions.QueueLimit = .time(.milliseconds(300)), bucket: Int = 0, others: [CrossTraffic] = []
    ) -> Bottleneck {
        Bottleneck(plan, queue: queue, bucket: bucket, others: others, at: begin)
    }

    /// A viewer has use for `layer` and those below from now on.
    package func wish(_ viewer: Viewer, _ layer: Int?, screen: Int = 0) {
        viewer.screens[screen].maximumLayer = layer
        world.negotiate(viewer.peer) { _, sending in sending[screen].wish.maximumLayer = layer }
    }

    // MARK: What happens

    /// `seconds` after the beginning.
    package func instant(_ seconds: Double) -> Instant { begin + Interval(nanoseconds: Int64(seconds * 1e9)) }

    package func at(_ seconds: Double, _ body: @escaping () throws -> Void) { at(instant(seconds), body) }

    package func at(_ instant: Instant, _ body: @escaping () throws -> Void) { plan.append((instant, plan.count, body)) }

    /// Conditions become others: what is allowed to take time then is not judged before `settling`.
    package func note(_ kind: Change.Kind, at seconds: Double, settling: Double) {
        changes.append(
            Change(kind: kind, at: instant(seconds), settling: Interval(nanoseconds: Int64(settling * 1e9))))
    }

    func run(for duration: Interval) {
        let end = begin + duration
        var nextSample = begin
        while true {
            let due = plan.indices.min { (plan[$0].at, plan[$0].order) < (plan[$1].at, plan[$1].order) }
            let next = min(nextSample, due.map { plan[$0].at } ?? .distantFuture, end)
            if next > now { world.run(for: next - now) }
            if let due, plan[due].at <= now {
                let body = plan.remove(at: due).body
                do { try body() } catch { self.error = error }
            } else if nextSample <= now {
                sample()
                nextSample = nextSample + Stage.sampling
            }
            if now >= end, nextSample > end, !plan.contains(where: { $0.at <= end }) { break }
        }
        for viewer in viewers { viewer.bottleneck?.advance(to: now) }
    }

    private func sample() {
        for publisher in publishers { publisher.sample() }
        let behind = { (bottleneck: Bottleneck) in self.viewers.count { $0.bottleneck === bottleneck } }
        for viewer in viewers {
            let available = viewer.bottleneck.map { $0.available(from: now, until: now + Stage.sampling) / Double(behind($0)) }
            viewer.sample(at: now, budget: available)
            if isGuided { guide(viewer) }
        }
    }
}

extension Stage {
    private func guide(_ viewer: Viewer) {
        let wishes = viewer.choice.map { SubscriptionWish(isPaused: $0 == nil, maximumLayer: $0) }
        guard zip(wishes, viewer.peer.sending).contains(where: { $0 != $1.wish }) else { return }
        world.negotiate(viewer.peer) { _, sending in for (index, wish) in wishes.enumerated() { sending[index].wish = wish } }
    }
}

extension Bottleneck {
    /// Bits a second that others leave, on average between two instants.
    func available(from begin: Instant, until end: Instant) -> Double {
        let taken = others.reduce(0) { $0 + $1.bits(from: begin, until: end) }
        return max(0, plan.bits(from: begin, until: end) - taken) / (end - begin).seconds
    }
}
