import EventLoop
import MediaPrimitives
import MediaSecurity
import Rooms

/// All workers of one server: a thread each, and one UDP port.
///
/// The control plane gives each participant to one of them, whose number is the first character of the participant's user fragment here
/// (`ICECredentials.random(_:worker:)`), is in its id, and stands with each of its tracks. What arrives elsewhere is handed over, and tracks are
/// relayed, without further ado. With one worker none of this exists.
package struct WorkerGroup: Sendable {
    /// What waits between two workers, in bytes: six full turns. A worker has one ring from each other one.
    private static let ringCapacity = 512 * 1_024

    /// By number.
    package let workers: [Worker]

    /// Opens sockets and starts threads: `count` of them, 1 to 64. A UDP port of 0 is chosen for the first and shared by the others. TCP is
    /// served by the first alone. The configuration's number is not looked at.
    package init(count: Int, _ configuration: WorkerConfiguration, certificate: Certificate) throws(WorkerError) {
        try self.init(count: count, configuration, certificate: certificate, ringCapacity: WorkerGroup.ringCapacity)
    }

    /// The same with rings of a chosen size: a power of two, 8 KiB or more.
    package init(
        count: Int, _ configuration: WorkerConfiguration, certificate: Certificate, ringCapacity: Int
    ) throws(WorkerError) {
        precondition((1...ICECredentials.maximumWorkers).contains(count), "a user fragment names one of 64 workers")
        var configuration = configuration
        configuration.number = 0
        guard count > 1 else {
            workers = [try Worker(configuration, certificate: certificate)]
            return
        }
        var loops: [EventLoop] = []
        var workers: [Worker] = []
        do throws(WorkerError) {
            for number in 0..<count { loops.append(try Worker.loop(number: number)) }
            configuration.portSharing = .lends
            for links in WorkerLinks.join(loops, ringCapacity: ringCapacity) {
                configuration.number = links.number
                let worker = try Worker(configuration, on: loops[links.number], links: links, certificate: certificate)
                workers.append(worker)
                configuration.addresses = worker.udpAddresses
                configuration.portSharing = .joins
                configuration.tcpPort = nil
            }
        } catch {
            for loop in loops { loop.stop() }
            throw error
        }
        self.workers = workers
    }

    /// What the sockets are bound to, the same for all.
    package var udpAddresses: [SocketAddress] { workers[0].udpAddresses }
    package var tcpAddresses: [SocketAddress] { workers[0].tcpAddresses }

    /// Whose participant `id` is.
    package subscript(id: ParticipantID) -> Worker? { id.worker < workers.count ? workers[id.worker] : nil }

    /// Closes all participants and sockets, and returns when the threads have ended.
    package func stop() async { for worker in workers { await worker.stop() } }
}
