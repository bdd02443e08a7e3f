import MediaPrimitives

/// Inputs that no parser may trap on: every truncation of each seed, seeded bit flips and byte changes of them, and random bytes.
func withHostileInputs(_ seeds: [[UInt8]], count: Int = 4_000, seed: UInt64 = 1, _ body: ([UInt8]) -> Void) {
    var entropy = Entropy.seeded(seed)
    for message in seeds { for length in 0...message.count { body(Array(message[..<length])) } }
    for round in 0..<count {
        guard round % 4 != 0, let message = seeds.randomElement(using: &entropy), !message.isEmpty else {
            body(entropy.bytes(Int.random(in: 0...64, using: &entropy)))
            continue
        }
        var changed = message
        for _ in 0..<Int.random(in: 1...4, using: &entropy) {
            let at = Int.random(in: 0..<changed.count, using: &entropy)
            switch Int.random(in: 0..<4, using: &entropy) {
            case 0: changed[at] ^= 1 << UInt8.random(in: 0..<8, using: &entropy)
            case 1: changed[at] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &entropy) ?? 0
            case 2: changed[at] = UInt8.random(in: 0...255, using: &entropy)
            default:
                changed = Array(changed[..<at]) + changed[min(changed.count, at + Int.random(in: 0...4, using: &entropy))...]
                if changed.isEmpty { changed = [0x80] }
            }
        }
        if Bool.random(using: &entropy) { changed += entropy.bytes(Int.random(in: 0...8, using: &entropy)) }
        body(changed)
    }
}
