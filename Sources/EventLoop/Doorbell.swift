import Synchronization

/// Wakes a loop whose rings have been filled, and spares the system call while it is at work anyway.
///
/// The reader says that it is about to sleep, looks at its rings once more, and only then sleeps; a writer publishes, and then looks whether the
/// reader sleeps. All four are sequentially consistent, so that at least one of them sees the other.
package final class Doorbell: Sendable {
    private let loop: EventLoop
    private let isListening = Atomic<Bool>(false)

    /// The bell of `loop`.
    package init(_ loop: EventLoop) { self.loop = loop }

    /// The writer has published something. One system call at most, and none while the reader is awake.
    package func ring() {
        guard isListening.load(ordering: .sequentiallyConsistent),
            isListening.exchange(false, ordering: .sequentiallyConsistent)
        else { return }
        loop.wake()
    }

    /// The reader is about to sleep: look at the rings after this, and not sleep if one has something.
    package func listen() { isListening.store(true, ordering: .sequentiallyConsistent) }

    /// The reader is awake and will look at its rings before it sleeps.
    package func silence() { isListening.store(false, ordering: .relaxed) }
}
