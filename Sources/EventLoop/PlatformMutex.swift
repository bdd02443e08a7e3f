import CUV
import Glibc

/// A pthread mutex. `Synchronization.Mutex` is as quick, but the thread sanitizer does not see through it and reports races that are none.
final class PlatformMutex: @unchecked Sendable {
    // Sendable because the memory is only ever handed to pthread calls, which are made for that.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    init() {
        mutex = .allocate(capacity: 1)
        // This initialises the memory too. (`pthread_mutex_t()` does not always build: the importer may hold CUV for its owner.)
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs `body` alone. Not recursive.
    @inline(__always)
    func withLock<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}
