import Synchronization

/// What a fake remembers, and a way to wait for it without asking again and again.
final class Recorder<Memory: Sendable>: Sendable {
    private struct State {
        var memory: Memory
        var waiting: [Int: Waiting] = [:]
        var number = 0
    }

    private struct Waiting {
        var condition: @Sendable (Memory) -> Bool
        var continuation: CheckedContinuation<Bool, Never>
    }

    private let state: Mutex<State>

    init(_ memory: Memory) { state = Mutex(State(memory: memory)) }

    var current: Memory { state.withLock { $0.memory } }

    /// Changes what is remembered, and wakes those whose condition it meets.
    @discardableResult
    func record<Result>(_ change: (inout sending Memory) -> sending Result) -> sending Result {
        let (result, woken) = state.withLock { state in
            let result = change(&state.memory)
            let met = state.waiting.filter { [memory = state.memory] in $0.value.condition(memory) }
            for key in met.keys { state.waiting[key] = nil }
            return (result, met.values.map(\.continuation))
        }
        for continuation in woken { continuation.resume(returning: true) }
        return result
    }

    /// Waits until the condition is met; false if it is not before the deadline.
    @discardableResult
    func until(deadline: Duration = .seconds(10), _ condition: @escaping @Sendable (Memory) -> Bool) async -> Bool {
        let number = state.withLock { state in
            state.number += 1
            return state.number
        }
        let timer = Task {
            try await Task.sleep(for: deadline)
            state.withLock { $0.waiting.removeValue(forKey: number) }?.continuation.resume(returning: false)
        }
        defer { timer.cancel() }
        return await withCheckedContinuation { continuation in
            let isMet = state.withLock { state in
                if condition(state.memory) { return true }
                state.waiting[number] = Waiting(condition: condition, continuation: continuation)
                return false
            }
            if isMet { continuation.resume(returning: true) }
        }
    }
}
