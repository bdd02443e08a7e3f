import NIOCore
import Signalling

// What is told to everybody, or looked at for everybody, costs the more the larger the room is. Who changes often is told of less often: each
// change at once as long as they are few, and then the latest state, a few times a second.
extension LiveRoom {
    static let overdueInterval = Duration.milliseconds(250)
    static let countingInterval = Duration.seconds(1)

    /// Whether `member` may be announced now; if not, it will be.
    func mayAnnounce(_ member: Member) -> Bool {
        if member.state == .disconnected || member.announcements.take(at: .now()) { return true }
        overdueMembers.insert(member.sid)
        settleOverdueSoon()
        return false
    }

    /// Whether everybody's sources may be looked at now; if not, they will be.
    func mayFollowSources() -> Bool {
        if sourceChecks.take(at: .now()) { return true }
        areSourcesOverdue = true
        settleOverdueSoon()
        return false
    }

    /// Tells all how many they are, where that has changed: once a second at most, for each change of a large room would be told to all of it.
    func tellNumbersSoon() {
        guard !isCounting else { return }
        isCounting = true
        Task {
            try? await Task.sleep(for: Self.countingInterval)
            isCounting = false
            let numbers = numbers
            guard numbers != numbersTold else { return }
            numbersTold = numbers
            tell(.roomUpdate(info))
        }
    }

    private func settleOverdueSoon() {
        guard !isSettlingOverdue else { return }
        isSettlingOverdue = true
        Task {
            try? await Task.sleep(for: Self.overdueInterval)
            isSettlingOverdue = false
            let sids = overdueMembers
            overdueMembers = []
            for member in members where sids.contains(member.sid) { tellOthers(of: member) }
            if exchange(&areSourcesOverdue, with: false) { followSourcesNow() }
        }
    }
}
