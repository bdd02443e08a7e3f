import HeadlessClients
import MediaPrimitives
import Simulation

/// `Calibration make SEED SECONDS` writes a packet trace; `Calibration play` reads one and writes, as JSON, what the simulated decoder shows of it.
@main
enum Calibration {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        if arguments.count == 3, arguments.first == "make", let seed = UInt64(arguments[arguments.startIndex + 1]),
            let seconds = Int64(arguments[arguments.startIndex + 2]),
            (1...3_600).contains(seconds)
        {
            print(PacketTrace.made(seed: seed, length: .seconds(seconds)).text, terminator: "")
        } else if arguments.count == 1, arguments.first == "play" {
            play()
        } else {
            fatalError("usage: Calibration make SEED SECONDS, or: Calibration play < TRACE")
        }
    }

    private static func play() {
        var text = ""
        while let line = readLine(strippingNewline: false) { text += line }
        guard let trace = PacketTrace(text: text) else { fatalError("this is no trace") }
        let shown = trace.play()
        let freezes = shown.freezes.freezes.map { freeze in
            #"{"from": \#((freeze.from - PacketTrace.begin).seconds), "length": \#(freeze.length.seconds)}"#
        }
        let faults = shown.faults.map { "\"\($0)\"" }
        print(
            """
            {"frames": \(shown.frames), "freezeCount": \(shown.freezes.count), "totalFreezesDuration": \(shown.freezes.duration.seconds), \
            "freezes": [\(freezes.joined(separator: ", "))], "faults": [\(faults.joined(separator: ", "))]}
            """)
    }
}
