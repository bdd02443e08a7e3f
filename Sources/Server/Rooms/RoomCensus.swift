/// Who is on the server, in numbers.
package struct RoomCensus: Sendable {
    /// With at least one member.
    package var rooms = 0
    /// Members of any kind.
    package var members = 0
    /// Those whom others see.
    package var participants = 0
    /// Those who came by WHIP or WHEP.
    package var sessions = 0

    package init() {}

    static func + (a: RoomCensus, b: RoomCensus) -> RoomCensus {
        var sum = a
        sum.rooms += b.rooms
        sum.members += b.members
        sum.participants += b.participants
        sum.sessions += b.sessions
        return sum
    }
}

/// A room in numbers, as its members are told.
struct RoomNumbers: Equatable {
    /// Those whom others see.
    var participants: UInt32 = 0
    /// Those of them who publish something.
    var publishers: UInt32 = 0
}

extension LiveRoom {
    var numbers: RoomNumbers {
        var numbers = RoomNumbers()
        for member in members where !member.isInvisible {
            numbers.participants += 1
            if !member.tracks.isEmpty { numbers.publishers += 1 }
        }
        return numbers
    }

    var census: RoomCensus {
        var census = RoomCensus()
        census.rooms = members.isEmpty ? 0 : 1
        census.members = members.count
        census.participants = members.count { !$0.isInvisible }
        census.sessions = members.count { $0.session != nil }
        return census
    }
}
