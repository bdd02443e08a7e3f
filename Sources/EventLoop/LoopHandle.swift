import CUV
import Glibc

/// One libuv handle, and the only place where C calls back into Swift.
///
/// The handle's `data` holds a retained reference to this object, which is given up in the close callback: the memory stays as long as libuv may
/// use it. What is called holds its owner weakly, so an owner that forgets `close()` is not kept, nor called after its end.
final class LoopHandle {
    private let raw: UnsafeMutableRawPointer
    /// Closed together with the handle; -1 if there is none.
    private let descriptor: Int32
    private(set) var isClosed = false
    /// Status (0, or a negated errno) and `UV_READABLE`, `UV_WRITABLE`; both 0 for timers and prepare handles.
    var onEvent: ((Int32, Int32) -> Void)?

    private init(_ type: uv_handle_type, descriptor: Int32) {
        raw = .allocate(byteCount: uv_handle_size(type), alignment: 16)
        self.descriptor = descriptor
    }

    private func adopt() {
        handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
    }

    private var handle: UnsafeMutablePointer<uv_handle_t> { raw.assumingMemoryBound(to: uv_handle_t.self) }
    private var poll: UnsafeMutablePointer<uv_poll_t> { raw.assumingMemoryBound(to: uv_poll_t.self) }
    private var timer: UnsafeMutablePointer<uv_timer_t> { raw.assumingMemoryBound(to: uv_timer_t.self) }
    private var prepare: UnsafeMutablePointer<uv_prepare_t> { raw.assumingMemoryBound(to: uv_prepare_t.self) }

    // MARK: Kinds

    /// Watches `descriptor`, which belongs to the handle from here on if `owning`, also when this fails.
    static func poll(_ loop: UnsafeMutablePointer<uv_loop_t>, _ descriptor: Int32, owning: Bool) throws(LoopError) -> LoopHandle {
        let made = LoopHandle(UV_POLL, descriptor: owning ? descriptor : -1)
        let code = uv_poll_init(loop, made.poll, descriptor)
        if code < 0 {
            made.raw.deallocate()
            if owning { Glibc.close(descriptor) }
            throw LoopError(code: -code)
        }
        made.adopt()
        return made
    }

    static func timer(_ loop: UnsafeMutablePointer<uv_loop_t>) -> LoopHandle {
        let made = LoopHandle(UV_TIMER, descriptor: -1)
        uv_timer_init(loop, made.timer)
        made.adopt()
        return made
    }

    static func prepare(_ loop: UnsafeMutablePointer<uv_loop_t>) -> LoopHandle {
        let made = LoopHandle(UV_PREPARE, descriptor: -1)
        uv_prepare_init(loop, made.prepare)
        made.adopt()
        uv_prepare_start(made.prepare) { handle in
            if let handle { LoopHandle.called(UnsafeMutableRawPointer(handle), 0, 0) }
        }
        return made
    }

    /// Watches for these events instead of the ones before.
    func watch(_ events: Int32) {
        if isClosed { return }
        uv_poll_start(poll, events) { handle, status, events in
            if let handle { LoopHandle.called(UnsafeMutableRawPointer(handle), status, events) }
        }
    }

    /// Fires once, `delay` milliseconds after the loop's cached time.
    func startTimer(delay: UInt64) {
        if isClosed { return }
        uv_timer_start(
            timer,
            { handle in
                if let handle { LoopHandle.called(UnsafeMutableRawPointer(handle), 0, 0) }
            }, delay, 0)
    }

    func stopTimer() { if !isClosed { uv_timer_stop(timer) } }

    // MARK: Closing

    /// Ends all calls and closes the descriptor. On the loop's thread; may be called from within `onEvent`.
    func close() {
        if isClosed { return }
        isClosed = true
        onEvent = nil
        uv_close(handle) { handle in
            guard let handle, let data = handle.pointee.data else { return }
            let closed = Unmanaged<LoopHandle>.fromOpaque(data).takeRetainedValue()
            closed.raw.deallocate()
        }
        // uv_close has taken it out of the poll set already.
        if descriptor >= 0 { Glibc.close(descriptor) }
    }

    /// Closes from a `deinit`, wherever that runs.
    func close(on loop: EventLoop) {
        if loop.isConfined {
            close()
            return
        }
        // A loop that has ended has closed everything.
        if loop.queue.phase != .running { return }
        let sent = Sent(handle: self)
        loop.post { sent.handle.close() }
    }

    // Sendable because the handle is touched by the loop's thread alone: its owner, the only other holder, is being deinitialised.
    private struct Sent: @unchecked Sendable { let handle: LoopHandle }

    /// Closes every handle of a loop that ends.
    static func closeAll(_ loop: UnsafeMutablePointer<uv_loop_t>) {
        uv_walk(
            loop,
            { handle, _ in
                guard let data = handle?.pointee.data else { return }
                Unmanaged<LoopHandle>.fromOpaque(data).takeUnretainedValue().close()
            }, nil)
    }

    private static func called(_ raw: UnsafeMutableRawPointer, _ status: Int32, _ events: Int32) {
        guard let data = raw.assumingMemoryBound(to: uv_handle_t.self).pointee.data else { return }
        let handle = Unmanaged<LoopHandle>.fromOpaque(data).takeUnretainedValue()
        handle.onEvent?(status, events)
    }
}
