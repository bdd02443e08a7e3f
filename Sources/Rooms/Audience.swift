import Forwarding

/// The subscriptions that are fed from one publication, in the order in which they came, and their legs as the fan-out walks them: by index, without
/// touching an object.
struct Audience: ~Copyable {
    /// One subscription's leg, and the slot of the participant that receives. Valid while the subscription is here.
    struct Listener {
        let leg: UnsafeMutablePointer<Leg>
        let transport: Int32
    }

    private(set) var subscriptions: ContiguousArray<Subscription> = []
    private var listeners: UnsafeMutablePointer<Listener>
    private var capacity = 4
    /// How many there are.
    private(set) var count = 0

    init() { listeners = .allocate(capacity: capacity) }

    deinit { listeners.deallocate() }

    @inline(__always)
    subscript(index: Int) -> Listener {
        precondition(index >= 0 && index < count, "an audience is walked only as far as it goes")
        return listeners[index]
    }

    mutating func append(_ subscription: Subscription) {
        subscriptions.append(subscription)
        list()
    }

    mutating func remove(_ subscription: Subscription) {
        subscriptions.removeAll { $0 === subscription }
        list()
    }

    mutating func removeAll() -> ContiguousArray<Subscription> {
        defer {
            subscriptions = []
            list()
        }
        return subscriptions
    }

    private mutating func list() {
        if subscriptions.count > capacity {
            listeners.deallocate()
            capacity = max(subscriptions.count, 2 * capacity)
            listeners = .allocate(capacity: capacity)
        }
        count = subscriptions.count
        for (index, subscription) in subscriptions.enumerated() {
            (listeners + index).initialize(
                to: Listener(leg: subscription.stream.leg, transport: Int32(truncatingIfNeeded: subscription.transport)))
        }
    }
}
