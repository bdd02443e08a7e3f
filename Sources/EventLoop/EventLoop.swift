import CNetwork
import CUV
import Glibc
import MediaPrimitives

/// A libuv loop on a thread of its own, which an actor takes for its executor.
///
/// One turn: sockets that became readable, timers that are due, jobs (at most 16 rounds), `onTurnEnd`, and the wait for the next event.
/// Sockets, timers and callbacks belong to the loop's thread; until `start()`, to whoever made the loop. Jobs may come from any thread.
///
///     created ──start()──▶ running ──stop()──▶ ended: handles closed, thread gone; later jobs still run (on a short-lived thread)
package final class EventLoop: SerialExecutor, @unchecked Sendable {
    // Sendable because everything mutable is either in `queue`, which locks, under `threadMutex`, or confined to the loop's thread (`requireConfined`).

    /// The thread's name, as `top -H` shows it (15 bytes).
    package let name: String
    /// For tasks that talk to this loop's actor a lot.
    package let taskExecutor: LoopTaskExecutor
    /// Called at the end of each turn, before the loop waits: the place to send what the turn has gathered.
    package var onTurnEnd: (() -> Void)?
    /// Called after `wake()`, at least once for any number of calls: the place to empty rings that other loops fill.
    package var onWake: (() -> Void)?

    let queue: JobQueue
    let uv: UnsafeMutablePointer<uv_loop_t>
    /// True within a timer's callback; a timer armed for the past then waits for the next turn.
    var isInTimer = false
    private(set) var isTornDown = false
    /// What UDP sockets read and send with, one at a time; nil only without memory.
    private(set) lazy var datagramReceiver = DatagramReceiver()
    private(set) lazy var datagramSender = DatagramSender()
    private var wakeHandle: LoopHandle?
    private var turnHandle: LoopHandle?

    private let threadMutex = PlatformMutex()
    private var thread: pthread_t?
    private var hasEnded = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    /// Jobs that beget jobs get this many rounds before the sockets have their turn.
    private static let roundsPerTurn = 16

    // MARK: Life

    /// A loop that does not run yet.
    package init(name: String) throws(LoopError) {
        let queue = try JobQueue()
        let uv = UnsafeMutablePointer<uv_loop_t>.allocate(capacity: 1)
        let code = uv_loop_init(uv)
        if code < 0 {
            uv.deallocate()
            throw LoopError(code: -code)
        }
        self.name = name
        self.queue = queue
        self.uv = uv
        taskExecutor = LoopTaskExecutor(queue)

        // The descriptor stays the queue's: it is written to until the last job is gone.
        let wakeHandle: LoopHandle
        do { wakeHandle = try LoopHandle.poll(uv, queue.wakeDescriptor, owning: false) } catch {
            tearDown()
            throw error
        }
        wakeHandle.onEvent = { [unowned self] _, _ in
            self.queue.acknowledgeWake()
            onWake?()
        }
        wakeHandle.watch(Int32(UV_READABLE.rawValue))
        self.wakeHandle = wakeHandle
        let turnHandle = LoopHandle.prepare(uv)
        turnHandle.onEvent = { [unowned self] _, _ in endTurn() }
        self.turnHandle = turnHandle
    }

    deinit {
        // The thread keeps the loop alive, so it has ended or never begun.
        if !isTornDown { tearDown() }
        if let thread { pthread_detach(thread) }
        uv.deallocate()
    }

    /// Starts the thread; `first` is what it does first (a good place to set the callbacks of an actor's sockets). Once only.
    package func start(_ first: @escaping @Sendable () -> Void = {}) throws(LoopError) {
        guard queue.begin() else { preconditionFailure("the loop \(name) was started twice") }
        queue.enqueue(.call(first))
        var created = pthread_t()
        let loop = Unmanaged.passRetained(self)
        let code = threadMutex.withLock {
            let code = pthread_create(
                &created, nil,
                { argument in
                    guard let argument else { return nil }
                    let loop = Unmanaged<EventLoop>.fromOpaque(argument)
                    loop.takeUnretainedValue().run()
                    loop.release()
                    return nil
                }, loop.toOpaque())
            if code == 0 { thread = created }
            return code
        }
        if code != 0 {
            loop.release()
            endHere()
            throw LoopError(code: code)
        }
    }

    /// Asks the loop to end after the jobs that wait now: handles and descriptors are closed without further callbacks, and the thread ends.
    /// From any thread, at any time, any number of times.
    package func stop() {
        queue.requestStop()
        // Never started: there is no thread to do it.
        if queue.begin() { endHere() }
    }

    /// Waits until the thread is gone. Not on the loop itself, where it would wait for ever.
    @available(*, noasync, message: "blocks; await ended() instead")
    package func join() {
        precondition(!isCurrent, "the loop \(name) cannot wait for its own end")
        let thread = threadMutex.withLock {
            defer { self.thread = nil }
            return self.thread
        }
        if let thread { pthread_join(thread, nil) }
    }

    /// Returns when the loop has ended: its sockets are closed, their ports free.
    package func ended() async {
        await withCheckedContinuation { continuation in
            let already = threadMutex.withLock {
                if !hasEnded { waiters.append(continuation) }
                return hasEnded
            }
            if already { continuation.resume() }
        }
    }

    private func run() {
        apus_thread_begin(name)
        queue.enterThread()
        uv_run(uv, UV_RUN_DEFAULT)
        tearDown()
        queue.drainAndEnd()
        queue.leaveThread()
        announceEnd()
    }

    /// Ends a loop that has no thread; the caller's (another loop's, perhaps) stands in for it.
    private func endHere() {
        let mark = apus_thread_mark()
        queue.enterThread()
        tearDown()
        queue.drainAndEnd()
        apus_thread_set_mark(mark)
        announceEnd()
    }

    private func endTurn() {
        let drained = queue.drain(rounds: EventLoop.roundsPerTurn)
        onTurnEnd?()
        if drained.stopRequested {
            uv_stop(uv)
        } else if !drained.isEmpty || queue.hasLocal {
            queue.wake()
        }
        // Jobs take time, and libuv computes how long to wait from the time it has noted before them.
        uv_update_time(uv)
    }

    private func tearDown() {
        isTornDown = true
        onTurnEnd = nil
        onWake = nil
        LoopHandle.closeAll(uv)
        uv_run(uv, UV_RUN_DEFAULT)
        let code = uv_loop_close(uv)
        assert(code == 0, "a handle of the loop \(name) was left open")
    }

    private func announceEnd() {
        let waiting = threadMutex.withLock {
            hasEnded = true
            defer { waiters = [] }
            return waiters
        }
        for waiter in waiting { waiter.resume() }
    }

    // MARK: Clocks

    /// The monotonic clock (`CLOCK_MONOTONIC`), read now.
    package var now: Instant { Instant(nanoseconds: EventLoop.read(CLOCK_MONOTONIC)) }
    /// The wall clock in nanoseconds since 1970, read now.
    package var unixNanoseconds: Int64 { EventLoop.read(CLOCK_REALTIME) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    // MARK: Jobs

    /// Runs `body` on the loop's thread, after what was enqueued before it. From any thread.
    package func post(_ body: @escaping @Sendable () -> Void) { queue.enqueue(.call(body)) }

    /// Makes the loop turn, and call `onWake`. From any thread; costs one system call at most, none if a wake is under way.
    package func wake() { queue.wake() }

    package func enqueue(_ job: consuming ExecutorJob) {
        queue.enqueue(.job(UnownedJob(job), asUnownedSerialExecutor()))
    }

    // MARK: Confinement

    /// Whether this is the loop's thread.
    package var isCurrent: Bool { queue.isCurrent }

    /// Never false: to "unknown" the runtime asks `checkIsolated`, which says more than its own message.
    package func isIsolatingCurrentContext() -> Bool? { isCurrent ? true : nil }

    package func checkIsolated() {
        if !isCurrent { fatalError("state of the loop \(name) was used from another thread; await its actor instead") }
    }

    /// Whether sockets and timers may be touched here: on the loop's thread, or anywhere before it starts.
    var isConfined: Bool { isCurrent || queue.phase == .created }

    func requireConfined() {
        if !isConfined {
            fatalError("a socket or timer of the loop \(name) was used from another thread; await the actor that owns it instead")
        }
    }

    /// Watches a descriptor, which belongs to the handle from here on, also when this fails.
    func poll(_ descriptor: Int32) throws(LoopError) -> LoopHandle {
        if isTornDown {
            Glibc.close(descriptor)
            throw LoopError(code: ESHUTDOWN)
        }
        return try LoopHandle.poll(uv, descriptor, owning: true)
    }
}
