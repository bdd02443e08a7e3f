import MediaPrimitives
import Signalling

// What clients do while they are there.
extension LoadRun {
    private static let turnInterval = Duration.seconds(2)
    /// How long what was sent before a mute may still be on its way.
    private static let muteDelay = Duration.milliseconds(300)

    /// Does all that the plan wants until cancelled.
    func behave(_ threads: [LoadThread], watching: [LoadThread], _ joiner: Joiner) async {
        await withTaskGroup(of: Void.self) { tasks in
            if let count = plan.speakers { tasks.addTask { await self.takeTurns(count) } }
            if plan.mutePeriod > .zero { tasks.addTask { await self.muteInTurn(threads) } }
            if plan.layerPeriod > .zero { tasks.addTask { await self.changeLayers() } }
            if plan.churnPerSecond > 0 { tasks.addTask { await self.churn(watching, joiner) } }
        }
    }

    private func takeTurns(_ count: Int) async {
        var turn = 0
        while !Task.isCancelled {
            let voices = members.filter { $0.role.publishes }
            for (index, voice) in voices.enumerated() {
                let place = (index - turn % voices.count + voices.count) % voices.count
                await voice.thread.speak(voice.key, place < count)
            }
            turn += count
            try? await Task.sleep(for: LoadRun.turnInterval)
        }
    }

    private func muteInTurn(_ threads: [LoadThread]) async {
        var turn = 0
        let half = Duration.nanoseconds(plan.mutePeriod.nanoseconds / 2)
        while !Task.isCancelled {
            try? await Task.sleep(for: half)
            let voices = members.filter { $0.role.publishes }
            guard !voices.isEmpty, !Task.isCancelled else { return }
            let voice = voices[turn % voices.count]
            turn += 1
            await voice.session.mute(true)
            let source = await voice.thread.mute(voice.key, true)
            try? await Task.sleep(for: LoadRun.muteDelay)
            if let source { for thread in threads { await thread.notePause(of: source) } }
            try? await Task.sleep(for: half - LoadRun.muteDelay)
            await voice.session.mute(false)
            _ = await voice.thread.mute(voice.key, false)
        }
    }

    private func changeLayers() async {
        let period = Duration.nanoseconds(plan.layerPeriod.nanoseconds)
        let qualities = [Livekit_VideoQuality.low, .medium, .high]
        while !Task.isCancelled {
            try? await Task.sleep(for: period)
            for member in members where member.role.watches && !Task.isCancelled {
                let choice = Int.random(in: 0..<plan.layers)
                // The highest that there is, where there are only two.
                let quality = choice == plan.layers - 1 ? .high : qualities[choice]
                let tracks = await member.thread.want(member.key, layer: UInt8(choice))
                if !tracks.isEmpty { await member.session.wish(quality, of: tracks) }
            }
        }
    }

    private func churn(_ threads: [LoadThread], _ joiner: Joiner) async {
        let pause = Duration.nanoseconds(Int64(1e9 / plan.churnPerSecond))
        var number = plan.subscribers
        while !Task.isCancelled {
            try? await Task.sleep(for: pause)
            guard !Task.isCancelled else { return }
            await replaceOne(by: number, on: threads[number % threads.count], joiner)
            number += 1
        }
    }
}
