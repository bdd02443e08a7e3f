/// Runs tasks on a loop's thread: `Task(executorPreference: loop.taskExecutor) { … }`.
///
/// Without it, code between two calls of a worker bounces through the global pool at 4–14 µs a time. An object apart from the loop on purpose:
/// one that is serial and task executor at once makes each call between actors of the same loop an enqueue.
package final class LoopTaskExecutor: TaskExecutor {
    private let queue: JobQueue

    init(_ queue: JobQueue) { self.queue = queue }

    package func enqueue(_ job: consuming ExecutorJob) {
        queue.enqueue(.taskJob(UnownedJob(job), asUnownedTaskExecutor()))
    }
}
