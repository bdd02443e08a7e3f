import Forwarding
import MediaPrimitives
import Testing

@Suite("Keyframe requests")
struct KeyframeRequestsTests {
    @Test("Fifty who wish at once cost one request")
    func merge() {
        var requests = KeyframeRequests()
        #expect(requests.nextDeadline == .distantFuture)
        for _ in 0..<50 { requests.want(at: at(0)) }
        #expect(requests.isWanted && requests.nextDeadline == at(0))
        var sent = 0
        for time: Int64 in 0..<900 { if requests.takeDue(at: at(time)) { sent += 1 } }
        #expect(sent == 1 && requests.sentCount == 1)
        requests.keyframeArrived()
        #expect(!requests.isWanted && requests.nextDeadline == .distantFuture)
        let again = requests.takeDue(at: at(10_000))
        #expect(!again)
    }

    @Test("The next is not sooner than half a second after the last")
    func throttle() {
        var requests = KeyframeRequests()
        requests.want(at: at(0))
        _ = requests.takeDue(at: at(0))
        requests.keyframeArrived()
        requests.want(at: at(100))
        #expect(requests.nextDeadline == at(500))
        let early = requests.takeDue(at: at(499))
        let due = requests.takeDue(at: at(500))
        #expect(!early && due)
    }

    @Test("Who can wait is served later, with who cannot, or not at all where nobody waits any more")
    func patience() {
        var requests = KeyframeRequests()
        requests.want(at: at(0), notBefore: at(350))
        requests.want(at: at(10), notBefore: at(400))
        #expect(requests.isPending && requests.nextDeadline == at(350))
        requests.want(at: at(20))
        #expect(requests.nextDeadline == at(20))
        let sent = requests.takeDue(at: at(20))
        #expect(sent && !requests.isPending && requests.lastSent == at(20))
        // It has been asked for: whoever else comes waits for the same.
        requests.want(at: at(30))
        requests.withdraw()
        #expect(requests.isWanted && requests.nextDeadline == at(1_020))
        requests.keyframeArrived()
        requests.want(at: at(100), notBefore: at(450))
        #expect(requests.nextDeadline == at(520))
        requests.withdraw()
        #expect(!requests.isWanted && requests.nextDeadline == .distantFuture)
    }

    @Test("An unanswered one is repeated every second")
    func retry() {
        var requests = KeyframeRequests()
        requests.want(at: at(0))
        var times: [Int64] = []
        for time: Int64 in 0...3_500 { if requests.takeDue(at: at(time)) { times.append(time) } }
        #expect(times == [0, 1_000, 2_000, 3_000])
    }

    @Test("A keyframe that came too late to begin with is followed by another request as soon as that may be")
    func missed() {
        var requests = KeyframeRequests()
        requests.keyframeMissed(at: at(0))
        #expect(requests.nextDeadline == .distantFuture)
        requests.want(at: at(0))
        _ = requests.takeDue(at: at(0))
        requests.keyframeMissed(at: at(100))
        #expect(requests.isWanted && requests.nextDeadline == at(500))
        requests.keyframeMissed(at: at(700))
        #expect(requests.nextDeadline == at(500))
    }

    @Test("One subscriber has five keyframes made in a row, and then one every two seconds")
    func allowance() {
        var allowance = KeyframeAllowance()
        var taken = 0
        for time in stride(from: Int64(0), to: 60_000, by: 100) where allowance.take(at: at(time)) { taken += 1 }
        #expect((34...35).contains(taken))
        var after = 0
        for _ in 0..<10 where allowance.take(at: at(600_000)) { after += 1 }
        #expect(after == 5)
        let backwards = allowance.take(at: at(0))
        let never = allowance.take(at: .distantFuture)
        #expect(!backwards && never)
    }
}
