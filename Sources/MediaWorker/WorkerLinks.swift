import EventLoop

/// What joins one worker's loop to those of the others: a ring each way, and everybody's bell.
struct WorkerLinks: Sendable {
    let number: Int
    /// By worker; nil at this one's own place.
    let outgoing: [RecordRing?]
    let incoming: [RecordRing?]
    /// By worker, this one's own among them.
    let bells: [Doorbell]

    /// A ring from each to each other one, for loops in the order of their workers' numbers.
    static func join(_ loops: [EventLoop], ringCapacity: Int) -> [WorkerLinks] {
        let numbers = loops.indices
        let bells = loops.map { Doorbell($0) }
        let rings = numbers.map { from in numbers.map { to in from == to ? nil : RecordRing(capacity: ringCapacity) } }
        return numbers.map { number in
            WorkerLinks(number: number, outgoing: rings[number], incoming: numbers.map { rings[$0][number] }, bells: bells)
        }
    }
}
