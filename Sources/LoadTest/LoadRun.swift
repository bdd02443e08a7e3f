import Glibc
import MediaPrimitives
import MediaSecurity
import NIOCore
import NIOPosix

/// One load test from the first request to the report.
package actor LoadRun {
    /// Makes an access token: for whom, whether they publish, whether they watch. nil where it cannot be signed.
    package typealias TokenSource = @Sendable (_ identity: String, _ publishes: Bool, _ watches: Bool) async -> String?

    let plan: LoadPlan
    private let tokens: TokenSource
    private let tell: @Sendable (String) -> Void

    private(set) var members: [Joiner.Member] = []
    /// Of those who have left.
    private var departed: [ClientOutcome] = []
    private var failures: [String: Int] = [:]

    /// After their last packet publishers' media needs some time to be everywhere.
    private static let afterglow = Duration.milliseconds(500)
    /// How long media may be on its way to somebody who has joined.
    private static let mediaPatience = Interval.seconds(15)

    /// - Parameter tell: is given a line now and then
    package init(_ plan: LoadPlan, tokens: @escaping TokenSource, tell: @escaping @Sendable (String) -> Void) {
        self.plan = plan
        self.tokens = tokens
        self.tell = tell
    }

    /// Throws `unreachable` where nobody can join because nobody answers.
    package func run(_ bars: Bars) async throws(LoadError) -> LoadReport {
        LoadRun.raiseDescriptorLimit()
        let tls = try plan.makeTLS()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let certificate: Certificate
        do throws(MediaSecurityError) { certificate = try Certificate.generate() } catch { throw .broken(error.description) }
        let publishing = try LoadThread(name: "load-publish", certificate: certificate)
        var watching: [LoadThread] = []
        for number in 0..<max(1, plan.threads) { watching.append(try LoadThread(name: "load-watch-\(number)", certificate: certificate)) }
        let threads = [publishing] + watching
        let joiner = Joiner(
            plan: plan, http: HTTPClient(group: group, server: plan.server, tls: tls), certificate: certificate, tokens: tokens)
        let outcome: Result<LoadReport, LoadError>
        do throws(LoadError) {
            outcome = .success(try await measure(bars, publishing, watching, joiner))
        } catch { outcome = .failure(error) }
        for thread in threads { await thread.stop() }
        try? await group.shutdownGracefully()
        return try outcome.get()
    }

    private func measure(
        _ bars: Bars, _ publishing: LoadThread, _ watching: [LoadThread], _ joiner: Joiner
    ) async throws(LoadError) -> LoadReport {
        let threads = [publishing] + watching
        try await joinAll(.publisher, count: plan.publishers, on: [publishing], joiner)
        await waitForMedia()
        try await joinAll(.participant, count: plan.participants, on: watching, joiner)
        try await joinAll(.subscriber, count: plan.subscribers, on: watching, joiner)
        await waitForMedia()

        let (begin, cpuBefore) = (publishing.now, LoadRun.cpuSeconds())
        let before = await statistics(threads)
        let behaviour = Task { await behave(threads, watching: watching, joiner) }
        await stay(until: begin + plan.duration, threads)
        behaviour.cancel()
        await behaviour.value
        // Who came at the end has had the time to see something.
        if plan.churnPerSecond > 0 { await waitForMedia() }
        let (end, cpuAfter) = (publishing.now, LoadRun.cpuSeconds())
        let after = await statistics(threads)
        for thread in threads { await thread.stopPublishing() }
        try? await Task.sleep(for: LoadRun.afterglow)

        let loops = await statistics(threads)
        let (outcomes, gone) = await leave()
        let elapsed = max(0.001, (end - begin).seconds)
        var report = LoadReport(
            plan, outcomes: outcomes, failures: failures, loops: loops, cpuSeconds: LoadRun.cpuSeconds(),
            cpuShare: (cpuAfter - cpuBefore) / elapsed, packetsPerSecond: Double(after.totals.packets - before.totals.packets) / elapsed)
        report.ended = max(report.ended, gone)
        report.bars = bars.results(for: report)
        return report
    }

    // MARK: Joining

    private func joinAll(_ role: Joiner.Role, count: Int, on threads: [LoadThread], _ joiner: Joiner) async throws(LoadError) {
        guard count > 0 else { return }
        // The first tells whether there is anybody at all.
        let first = await joiner.join(role, number: 0, on: threads[0])
        if case .failure(let error) = first, case .unreachable = error { throw error }
        note(first)
        let pause = Duration.nanoseconds(Int64(1e9 / max(0.1, plan.joinsPerSecond)))
        let clock = ContinuousClock()
        var next = clock.now
        await withTaskGroup(of: Result<Joiner.Member, LoadError>.self) { tasks in
            for number in 1..<max(1, count) {
                next += pause
                try? await clock.sleep(until: next)
                let thread = threads[number % threads.count]
                tasks.addTask { await joiner.join(role, number: number, on: thread) }
            }
            for await result in tasks { note(result) }
        }
    }

    private func note(_ result: Result<Joiner.Member, LoadError>) {
        switch result {
        case .success(let member): members.append(member)
        case .failure(let error): failures[error.description, default: 0] += 1
        }
    }

    /// Until all have media, or have had the time for it.
    private func waitForMedia() async {
        guard let clock = members.first?.thread else { return }
        let limit = clock.now + LoadRun.mediaPatience
        var waiting = members
        while !waiting.isEmpty, clock.now < limit {
            var still: [Joiner.Member] = []
            for member in waiting {
                if await member.thread.hasMedia(member.key) { continue }
                if await member.thread.closedReason(member.key) == nil { still.append(member) }
            }
            waiting = still
            if !waiting.isEmpty { try? await Task.sleep(for: .milliseconds(20)) }
        }
    }

    // MARK: Staying

    private func stay(until end: Instant, _ threads: [LoadThread]) async {
        let clock = threads[0]
        var last = await statistics(threads)
        var told = clock.now
        while clock.now < end {
            let step = plan.progress > .zero ? min(told + plan.progress, end) : end
            try? await Task.sleep(for: .nanoseconds(max(0, (step - clock.now).nanoseconds)))
            guard plan.progress > .zero else { continue }
            let statistics = await statistics(threads)
            let elapsed = max(0.001, (clock.now - told).seconds)
            told = clock.now
            let rate = Int(Double(statistics.totals.packets - last.totals.packets) / elapsed)
            last = statistics
            let left = max(0, Int((end - told).seconds.rounded()))
            tell(
                "\(statistics.connected) of \(statistics.clients) connected, \(rate) packets/s received, delay p99 "
                    + "\(statistics.totals.delays.percentile(99).milliseconds.rounded()) ms, \(left) s to go")
        }
    }

    private func statistics(_ threads: [LoadThread]) async -> LoopStatistics {
        var sum = LoopStatistics()
        for thread in threads { sum.add(await thread.statistics()) }
        return sum
    }

    // MARK: Leaving

    /// A subscriber leaves, and another comes.
    func replaceOne(by number: Int, on thread: LoadThread, _ joiner: Joiner) async {
        let watching = members.indices.filter { members[$0].role == .subscriber }
        guard let index = watching.randomElement() else { return }
        let leaving = members[index]
        // Nobody leaves before there was anything to see.
        guard await leaving.thread.hasMedia(leaving.key), let place = members.firstIndex(where: { $0.identity == leaving.identity }) else {
            return
        }
        members.remove(at: place)
        if var outcome = await leaving.thread.outcome(leaving.key) {
            // What was on its way to it is nobody's loss.
            for track in outcome.tracks.indices { outcome.tracks[track].last = nil }
            departed.append(outcome)
        }
        await leaving.session.end()
        await leaving.thread.close(leaving.key)
        note(await joiner.join(.subscriber, number: number, on: thread))
    }

    /// What all have seen, and how many found the server gone when they took leave.
    private func leave() async -> (outcomes: [ClientOutcome], gone: Int) {
        var outcomes = departed
        departed = []
        for member in members { if let outcome = await member.thread.outcome(member.key) { outcomes.append(outcome) } }
        let sessions = members.map(\.session)
        var gone = 0
        // Not all at once: the server has limits, and so have descriptors.
        for start in stride(from: 0, to: sessions.count, by: 50) {
            await withTaskGroup(of: Bool.self) { tasks in
                for session in sessions[start..<min(start + 50, sessions.count)] { tasks.addTask { await session.end() } }
                for await wasThere in tasks where !wasThere { gone += 1 }
            }
        }
        for member in members { await member.thread.close(member.key) }
        members = []
        return (outcomes, gone)
    }

    // MARK: The machine

    /// Every client has a socket.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    private static func cpuSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
