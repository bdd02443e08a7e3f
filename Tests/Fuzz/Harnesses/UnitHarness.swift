import MediaPrimitives

/// A whole worker's state: rooms, transports and all. Strangers send it anything, participants anything that is signed and sealed.
///
/// The first byte: bit 0 begins with a publisher and a viewer who are connected, bits 1 and 2 choose their kinds. The rest are steps: the low
/// half of a byte is what happens, bits 4 to 6 are to whom. Bit 7 tells a negotiation from an ICE restart.
enum UnitHarness {
    static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        var input = ByteInput(input)
        let flags = input.uint8()
        guard let certificates = Certificates.shared else { throw Finding("no certificates") }
        let scene = UnitScene(certificates)
        if flags & 1 == 1 {
            try scene.open(kind: flags >> 1 & 1)
            try scene.open(kind: 2 + (flags >> 2 & 1))
            try scene.connect(0, by: 0)
            try scene.connect(1, by: 1)
        }
        for _ in 0..<96 where !input.isAtEnd {
            let step = input.uint8()
            let peer = Int(step >> 4 & 7)
            switch step & 15 {
            case 0: try scene.receive(input.take(Int(input.uint8())), by: peer)
            case 1: try scene.open(kind: input.uint8() & 3)
            case 2: try scene.check(peer, by: Int(input.uint8()), flags: input.uint8())
            case 3: try scene.connect(peer, by: Int(input.uint8()))
            case 4:
                let time = Int64(input.uint16())
                try scene.wait(.milliseconds(time & 0x8000 == 0 ? time : 100 * (time & 0x7fff)))
            case 5: try scene.release()
            case 6: if step & 0x80 == 0 { try scene.restart(peer) } else { try scene.negotiate(peer, choices: input.uint8()) }
            case 7: try scene.close(peer)
            case 8: try scene.forget(path: peer)
            case 9: try scene.shakeHands(peer, by: Int(input.uint8()))
            case 10: try scene.sendMedia(peer, SyntheticMedia(&input))
            case 11: try scene.send(peer, isRTCP: false, Array(input.block()))
            case 12: try scene.send(peer, isRTCP: true, Array(input.block()))
            case 13: try scene.sendWish(peer, kind: input.uint8(), number: input.uint16())
            case 14: try scene.sayGoodbye(peer)
            default: try scene.repeatLast(by: peer)
            }
        }
        try scene.wait(.milliseconds(500))
        try scene.wait(.seconds(120))
        try scene.checkEnd()
        // Last: libFuzzer remembers the latest few comparisons, and time passing makes thousands.
        try PlantedBug.check(scene.lastPayload)
    }
}

/// One RTP packet as a publisher might send it, from a few bytes.
struct SyntheticMedia {
    let stream: UInt8
    let sequence: UInt16
    let timestamp: UInt32
    let payloadType: UInt8
    let extensions: UInt8
    let marker: Bool
    let padding: UInt8
    let payload: [UInt8]

    init(_ input: inout ByteInput) {
        let first = input.uint8()
        stream = first & 7
        marker = first & 8 != 0
        padding = first & 0x10 != 0 ? 1 + first >> 5 : 0
        let second = input.uint8()
        payloadType = second & 0x7f
        sequence = input.uint16()
        timestamp = input.uint32()
        extensions = input.uint8()
        payload = Array(input.take(Int(input.uint8())))
    }
}
