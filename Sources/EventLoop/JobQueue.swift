import CNetwork
import Glibc

/// The jobs that wait for a loop's thread, and the eventfd that wakes it.
///
/// Jobs from other threads go through a locked list; jobs enqueued on the loop's own thread (most of them) through one that only that thread
/// touches. The order is first in, first out; priorities are ignored. A queue outlives its loop's thread: work that arrives afterwards runs on
/// a short-lived thread that counts as the loop's, so that no `await` on a stopped worker hangs.
final class JobQueue: @unchecked Sendable {
    // Sendable because of the two lists' rules: `shared` only under `mutex`, `local` and `running` only on the thread that `isCurrent`.
    enum Work {
        case job(UnownedJob, UnownedSerialExecutor)
        case taskJob(UnownedJob, UnownedTaskExecutor)
        case call(@Sendable () -> Void)

        func run() {
            switch self {
            case .job(let job, let executor): job.runSynchronously(on: executor)
            case .taskJob(let job, let executor): job.runSynchronously(on: executor)
            case .call(let body): body()
            }
        }
    }

    enum Phase {
        /// No thread yet: the creator may set things up.
        case created
        case running
        /// The thread has ended and nothing waits.
        case ended
        /// The thread has ended, and a short-lived one runs what came since.
        case runningLate
    }

    private struct Shared {
        var work: [Work] = []
        var phase = Phase.created
        var stopRequested = false
        /// The eventfd is readable, or about to be: no need to write again.
        var wakePending = false
    }

    private let mutex = PlatformMutex()
    private var shared = Shared()
    private var local: [Work] = []
    private var running: [Work] = []
    let wakeDescriptor: Int32

    init() throws(LoopError) {
        wakeDescriptor = apus_eventfd()
        if wakeDescriptor < 0 { throw LoopError(code: -wakeDescriptor) }
    }

    deinit { if wakeDescriptor >= 0 { close(wakeDescriptor) } }

    // MARK: Which thread

    /// Whether this thread is the loop's.
    var isCurrent: Bool { apus_thread_mark() == Unmanaged.passUnretained(self).toOpaque() }
    func enterThread() { apus_thread_set_mark(Unmanaged.passUnretained(self).toOpaque()) }
    func leaveThread() { apus_thread_set_mark(nil) }

    var phase: Phase { mutex.withLock { shared.phase } }

    /// Leaves `created` for `running`; false if that has happened before.
    func begin() -> Bool {
        mutex.withLock {
            guard shared.phase == .created else { return false }
            shared.phase = .running
            return true
        }
    }

    // MARK: From any thread

    func enqueue(_ work: Work) {
        if isCurrent {
            local.append(work)
            return
        }
        let (mustWake, mustRunLate) = mutex.withLock {
            shared.work.append(work)
            if shared.phase == .ended {
                shared.phase = .runningLate
                return (false, true)
            }
            return (claimWake(), false)
        }
        if mustWake { writeWake() }
        if mustRunLate { startLateThread() }
    }

    func wake() { if mutex.withLock({ claimWake() }) { writeWake() } }

    func requestStop() {
        let mustWake = mutex.withLock {
            shared.stopRequested = true
            return claimWake()
        }
        if mustWake { writeWake() }
    }

    /// Under the lock: whether the caller has to write to the eventfd.
    private func claimWake() -> Bool {
        if shared.wakePending || shared.phase != .running { return false }
        shared.wakePending = true
        return true
    }

    private func writeWake() {
        var one: UInt64 = 1
        _ = write(wakeDescriptor, &one, 8)
    }

    // MARK: On the loop's thread

    /// Empties the eventfd. The loop drains the queue before it polls again, so nothing enqueued from here on is missed.
    func acknowledgeWake() {
        var count: UInt64 = 0
        _ = read(wakeDescriptor, &count, 8)
        mutex.withLock { shared.wakePending = false }
    }

    /// Whether jobs were enqueued on this thread since the last drain.
    var hasLocal: Bool { !local.isEmpty }

    struct Drained {
        var isEmpty: Bool
        var stopRequested: Bool
    }

    /// Runs what waits, and what that enqueues, for at most `rounds` rounds, so that jobs that beget jobs don't starve the sockets.
    func drain(rounds: Int) -> Drained {
        for _ in 0..<rounds {
            takeShared()
            if local.isEmpty { break }
            swap(&local, &running)
            for index in running.indices { running[index].run() }
            // A flood's capacity is not kept for ever.
            running.removeAll(keepingCapacity: running.capacity <= 4096)
        }
        return mutex.withLock { Drained(isEmpty: local.isEmpty && shared.work.isEmpty, stopRequested: shared.stopRequested) }
    }

    private func takeShared() {
        mutex.withLock {
            if shared.work.isEmpty { return }
            if local.isEmpty {
                swap(&local, &shared.work)
            } else {
                local.append(contentsOf: shared.work)
                shared.work.removeAll(keepingCapacity: shared.work.capacity <= 4096)
            }
        }
    }

    /// Runs everything there is; when nothing is left, the thread is the loop's no longer.
    func drainAndEnd() {
        while true {
            while !drain(rounds: 16).isEmpty {}
            let ended = mutex.withLock {
                guard shared.work.isEmpty else { return false }
                shared.phase = .ended
                return true
            }
            if ended { return }
        }
    }

    private func startLateThread() {
        var thread = pthread_t()
        let queue = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let queue = Unmanaged<JobQueue>.fromOpaque(argument).takeRetainedValue()
                apus_thread_begin("apus-late")
                queue.enterThread()
                queue.drainAndEnd()
                queue.leaveThread()
                return nil
            }, queue.toOpaque())
        if code == 0 {
            pthread_detach(thread)
        } else {
            // Out of threads: the next arrival tries again.
            queue.release()
            mutex.withLock { shared.phase = .ended }
        }
    }
}
