import MediaPrimitives
import Signalling
import Testing

@Suite("Section plan")
struct SectionPlanTests {
    typealias Plan = SectionPlan<String>

    private func sections(_ kinds: String) -> [Plan.Section] {
        kinds.enumerated().map { Plan.Section(mid: String($0), type: $1 == "a" ? .audio : .video) }
    }
    private func tracks(_ names: String...) -> [Plan.Wanted] {
        names.map { Plan.Wanted($0, type: $0.hasPrefix("a") ? .audio : .video) }
    }

    @Test("Tracks take the free sections of their kind, in order")
    func fills() {
        var plan = Plan()
        plan.want(tracks("v1", "a1", "v2"))
        plan.offered(sections("aavv"))
        #expect(plan.assigned == ["0": "a1", "2": "v1", "3": "v2"])
        #expect(plan.takeRequirement(limit: 100) == nil)
    }

    @Test("A section that comes back as one of the other kind carries none of its former track")
    func otherKind() {
        var plan = Plan()
        plan.want(tracks("a1", "v1"))
        plan.offered(sections("a"))
        plan.offered(sections("v"))
        #expect(plan.assigned == ["0": "v1"])
        plan.offered(sections("va"))
        #expect(plan.assigned == ["0": "v1", "1": "a1"])
    }

    @Test("Where free sections suffice, an offer is asked for and no section")
    func asksForAnOffer() {
        var plan = Plan()
        plan.offered(sections("av"))
        plan.want(tracks("v1"))
        let requirement = plan.takeRequirement(limit: 100)
        #expect(requirement?.audios == 0 && requirement?.videos == 0)
        plan.offered(sections("av"))
        #expect(plan.assigned == ["1": "v1"])
    }

    @Test("What is missing is asked for, beyond what is there")
    func asksForSections() {
        var plan = Plan()
        plan.want(tracks("a1"))
        plan.offered(sections("aav"))
        plan.want(tracks("a1", "a2", "a3", "a4", "v1", "v2", "v3"))
        let requirement = plan.takeRequirement(limit: 100)
        #expect(requirement?.audios == 2 && requirement?.videos == 2)
    }

    @Test("Nothing is asked before the first offer, nor twice before the next")
    func asksOnce() {
        var plan = Plan()
        plan.want(tracks("a1"))
        #expect(plan.takeRequirement(limit: 100) == nil)
        plan.offered(sections("v"))
        #expect(plan.takeRequirement(limit: 100) != nil)
        plan.want(tracks("a1", "a2"))
        #expect(plan.takeRequirement(limit: 100) == nil)
        plan.offered(sections("va"))
        #expect(plan.takeRequirement(limit: 100) != nil)
    }

    @Test("A track that has gone leaves its section to the next one, and the others stay where they are")
    func reuses() {
        var plan = Plan()
        plan.want(tracks("v1", "v2"))
        plan.offered(sections("vv"))
        plan.want(tracks("v2", "v3"))
        let requirement = plan.takeRequirement(limit: 100)
        #expect(requirement?.audios == 0 && requirement?.videos == 0)
        plan.offered(sections("vv"))
        // It is silent once, for some clients do not notice that another takes its place at once.
        #expect(plan.assigned == ["1": "v2"])
        #expect(plan.takeRequirement(limit: 100) != nil)
        plan.offered(sections("vv"))
        #expect(plan.assigned == ["0": "v3", "1": "v2"])
    }

    @Test("A track that has gone is worth an offer of its own")
    func clears() {
        var plan = Plan()
        plan.want(tracks("v1"))
        plan.offered(sections("v"))
        plan.want([])
        #expect(plan.takeRequirement(limit: 100) != nil)
        plan.offered(sections("v"))
        #expect(plan.assigned.isEmpty)
        #expect(plan.takeRequirement(limit: 100) == nil)
    }

    @Test("Sections that were meant for one track and have gone to another are asked for anew")
    func asksForWhatOthersTook() {
        var plan = Plan()
        plan.offered(sections("av"))
        plan.want(tracks("a2", "v2"))
        let first = plan.takeRequirement(limit: 100)
        #expect(first?.audios == 0 && first?.videos == 0)
        // Somebody who joined earlier publishes before the offer arrives.
        plan.want(tracks("a1", "v1", "a2", "v2"))
        plan.offered(sections("av"))
        #expect(plan.assigned == ["0": "a1", "1": "v1"])
        let second = plan.takeRequirement(limit: 100)
        #expect(second?.audios == 1 && second?.videos == 1)
    }

    @Test("A track that goes again is worth an offer also where nobody had to be asked to place it")
    func clearsAgain() {
        var plan = Plan()
        for track in ["v1", "v2"] {
            plan.want(tracks(track))
            plan.offered(sections("v"))
            plan.want([])
            #expect(plan.takeRequirement(limit: 100) != nil)
            plan.offered(sections("v"))
        }
    }

    @Test("A client that does as it is asked gets all that is wanted, whatever comes and goes meanwhile", arguments: UInt64(1)...200)
    func settles(seed: UInt64) {
        let entropy = Entropy.seeded(seed)
        var plan = Plan(), kinds = "av", asked: [(audios: Int, videos: Int)] = [], wanted: [Plan.Wanted] = []
        func serve() { if let requirement = plan.takeRequirement(limit: 100) { asked.append(requirement) } }
        func offer() {
            plan.offered(sections(kinds))
            serve()
        }
        func obey() {
            let (audios, videos) = asked.removeFirst()
            kinds += String(repeating: "a", count: audios) + String(repeating: "v", count: videos)
            offer()
        }
        offer()
        let everybody = tracks("a1", "v1", "a2", "v2", "a3", "v3", "a4", "v4")
        for _ in 0..<40 {
            switch entropy.next() % 4 {
            case 0, 1:
                wanted = everybody.filter { _ in entropy.next() & 1 == 0 }
                plan.want(wanted)
                serve()
            case 2: if !asked.isEmpty { obey() }
            // One of its own, since it publishes something; what it was asked for has not reached it yet.
            default: offer()
            }
        }
        var rounds = 0
        while !asked.isEmpty, rounds < 60 {
            obey()
            rounds += 1
        }
        #expect(asked.isEmpty, "asked without end")
        #expect(Set(plan.assigned.values) == Set(wanted.map(\.track)))
    }

    @Test("A client that adds nothing is not asked without end", arguments: UInt64(1)...50)
    func gives(seed: UInt64) {
        let entropy = Entropy.seeded(seed)
        var plan = Plan()
        plan.offered(sections("av"))
        plan.want(tracks("a1", "v1", "a2", "v2").filter { _ in entropy.next() & 1 == 0 })
        var asked = 0
        while plan.takeRequirement(limit: 100) != nil, asked < 10 {
            plan.offered(sections("av"))
            asked += 1
        }
        #expect(asked <= 2)
    }

    @Test("What the client cannot decode is not tried again")
    func refuses() {
        var plan = Plan()
        plan.want(tracks("v1", "v2"))
        plan.offered(sections("v"))
        plan.refuse("v1")
        #expect(plan.takeRequirement(limit: 100) != nil)
        plan.offered(sections("v"))
        #expect(plan.assigned == ["0": "v2"])
        #expect(plan.takeRequirement(limit: 100) == nil)
    }

    @Test("Our own sections grow as needed, are used again, and never shrink")
    func extends() {
        var plan = Plan()
        plan.extend(limit: 10)
        #expect(plan.sections == sections("a") && plan.assigned.isEmpty)
        plan.want(tracks("a1", "v1"))
        plan.extend(limit: 10)
        #expect(plan.sections == sections("av") && plan.assigned == ["0": "a1", "1": "v1"])
        plan.want(tracks("v2", "v3"))
        plan.extend(limit: 10)
        #expect(plan.sections == sections("avv") && plan.assigned == ["1": "v2", "2": "v3"])
        plan.want([])
        plan.extend(limit: 10)
        #expect(plan.sections == sections("avv") && plan.assigned.isEmpty && !plan.isOutdated)
    }

    @Test("A track that comes back to a section of ours gets another one, as long as there is room")
    func comesBack() {
        var plan = Plan()
        plan.want(tracks("a1"))
        plan.extend(limit: 2)
        for (mid, count) in [("1", 2), ("0", 2)] {
            plan.want([])
            plan.extend(limit: 2)
            plan.want(tracks("a1"))
            plan.extend(limit: 2)
            #expect(plan.assigned == [mid: "a1"] && plan.sections.count == count)
        }
    }

    @Test("Our own sections end at the limit")
    func limit() {
        var plan = Plan()
        plan.want(tracks("v1", "v2", "v3"))
        plan.extend(limit: 2)
        #expect(plan.sections.count == 2 && plan.assigned.count == 2)
    }
}
