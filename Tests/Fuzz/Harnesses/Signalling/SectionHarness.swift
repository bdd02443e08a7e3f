import Signalling

/// Which section carries which track, through joins, leaves, refusals and offers in any order.
///
/// The first byte: bit 0 has the server offer instead of the client, the rest is how many sections there may be. Then commands: the low bits of
/// a byte are what happens, the others to which track.
enum SectionHarness {
    static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        var input = ByteInput(input)
        let first = input.uint8()
        var scene = Scene(serverOffers: first & 1 == 1, limit: Int(first >> 1 & 31))
        for _ in 0..<256 where !input.isAtEnd {
            let step = input.uint8()
            switch step & 7 {
            case 0, 1: scene.want(input.uint32())
            case 2: scene.drop(Int(step >> 3))
            case 3: try scene.refuse(Int(step >> 3))
            case 4: scene.forget(Int(step >> 3))
            case 5: scene.grow(step >> 3)
            case 6: scene.shrink(Int(step >> 3))
            default: try scene.offer()
            }
            try scene.check()
        }
    }

    private struct Scene {
        let serverOffers: Bool
        let limit: Int
        var plan = SectionPlan<UInt32>()
        var wanted: [UInt32] = []
        var refused: Set<UInt32> = []
        var offered: [SectionPlan<UInt32>.Section] = []

        init(serverOffers: Bool, limit: Int) {
            self.serverOffers = serverOffers
            self.limit = limit
        }

        /// A track's kind is in its number.
        static func type(_ track: UInt32) -> Livekit_TrackType { track & 0x100 == 0 ? .audio : .video }

        private func track(_ index: Int) -> UInt32? { wanted.isEmpty ? nil : wanted[index % wanted.count] }

        private mutating func tell() {
            plan.want(wanted.map { .init($0, type: Self.type($0)) })
            refused.formIntersection(wanted)
        }

        mutating func want(_ track: UInt32) {
            guard !wanted.contains(track), wanted.count < 32 else { return }
            wanted.append(track)
            tell()
        }

        mutating func drop(_ index: Int) {
            guard let track = track(index) else { return }
            wanted.removeAll { $0 == track }
            tell()
        }

        mutating func refuse(_ index: Int) throws(Finding) {
            guard let track = track(index) else { return }
            let wasAssigned = plan.assigned.values.contains(track)
            plan.refuse(track)
            refused.insert(track)
            // A long way in: a track that was placed among others, and turned out not to be decodable.
            if wasAssigned, plan.assigned.count > 1 { try PlantedBug.check(track) }
        }

        mutating func forget(_ index: Int) {
            guard let track = track(index) else { return }
            wanted.removeAll { $0 == track }
            tell()
            plan.forget(track)
        }

        /// The client adds a section, which may have been there before as another.
        mutating func grow(_ choice: UInt8) {
            let mid = String(choice >> 1)
            guard !offered.contains(where: { $0.mid == mid }) else { return }
            offered.append(.init(mid: mid, type: choice & 1 == 0 ? .audio : .video))
        }

        mutating func shrink(_ index: Int) {
            if !offered.isEmpty { offered.remove(at: index % offered.count) }
        }

        mutating func offer() throws(Finding) {
            if serverOffers {
                let before = plan.sections
                plan.extend(limit: limit)
                try expect(plan.sections.starts(with: before), "a section of ours has gone, or changed")
                try expect(plan.sections.count <= max(1, limit, before.count), "\(plan.sections.count) sections, of \(limit)")
                try expect(!plan.sections.isEmpty, "a description without a section")
                let full = plan.sections.count >= limit
                try expect(full || !plan.isOutdated, "a track waits beside free room")
                return
            }
            plan.offered(offered)
            if let need = plan.takeRequirement(limit: limit) {
                try expect(need.audios >= 0 && need.videos >= 0, "less than nothing is asked for")
                try expect(need.audios + need.videos <= max(0, limit - offered.count), "more is asked for than there may be")
                try expect(plan.takeRequirement(limit: limit) == nil, "asked for again before the answer")
            }
        }

        func check() throws(Finding) {
            let carried = Array(plan.assigned.values)
            try expect(Set(carried).count == carried.count, "a track is carried twice")
            try expect(refused.isDisjoint(with: carried), "what was refused is carried")
            for (mid, track) in plan.assigned {
                try expect(
                    plan.sections.contains { $0.mid == mid && $0.type == Self.type(track) }, "section \(mid) carries what it cannot")
            }
        }
    }
}
