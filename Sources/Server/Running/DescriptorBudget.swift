/// How the descriptors that the process may have are shared out. Some are always left: the runtime opens a file now and then to see how busy its threads
/// are, and ends the process where it cannot.
struct DescriptorBudget {
    /// Of the port for the operator, which answers when all others are taken.
    static let adminConnections = 64
    private static let mostMediaConnections = 1_000

    /// Of HTTP and signalling, from all addresses.
    let connections: Int
    /// Of media over TCP.
    let mediaConnections: Int

    /// - Parameter limit: how many descriptors there may be.
    init(limit: Int) {
        // Sockets, loops and files of our own, the operator's port, and what has been accepted and is about to be refused.
        let reserve = min(limit / 2, 256 + DescriptorBudget.adminConnections)
        let free = max(limit - reserve, 2)
        mediaConnections = max(1, min(DescriptorBudget.mostMediaConnections, free / 4))
        connections = free - mediaConnections
    }

    /// By the limit that the process has now.
    static var current: DescriptorBudget { DescriptorBudget(limit: ProcessStatistics.descriptorLimit()) }
}
