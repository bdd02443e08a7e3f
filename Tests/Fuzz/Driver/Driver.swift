import CFuzzing
import FuzzHarnesses
import Glibc

/// `fuzz --list` names the harnesses, each with its longest input; `fuzz HARNESS [--plant[=HEX]] [libFuzzer's arguments]` runs one. The bytes in
/// HEX come before each input.
enum Driver {
    /// The chosen harness: written once, before libFuzzer starts, and read by its callback, which can capture nothing.
    nonisolated(unsafe) private static var harness: Harness?
    /// What comes before each input; written once as well.
    nonisolated(unsafe) private static var given: [UInt8] = []

    static func run(_ arguments: [String]) -> Never {
        guard arguments.count > 1 else { fail("usage: fuzz --list | fuzz HARNESS [--plant[=HEX]] [libFuzzer's arguments]") }
        if arguments[1] == "--list" {
            for harness in Harness.all { print(harness.name, harness.maximumLength) }
            exit(0)
        }
        guard let chosen = Harness.all.first(where: { $0.name == arguments[1] }) else { fail("no harness is called \(arguments[1])") }
        harness = chosen
        guard apus_fuzz_install_random() == 1 else { fail("OpenSSL keeps its own generator") }
        Harness.prepare()
        if let plant = arguments.first(where: { $0.hasPrefix("--plant") }) {
            PlantedBug.isArmed = true
            guard let bytes = bytes(hex: plant.dropFirst("--plant=".count)) else { fail("\(plant) is not --plant or --plant=HEX") }
            given = bytes
        }
        let passed = [arguments[0]] + arguments[2...].filter { !$0.hasPrefix("--plant") }
        // libFuzzer may rewrite its arguments, and keeps them: the memory is never given back.
        var vector: [UnsafeMutablePointer<CChar>?] = passed.map { strdup($0) } + [nil]
        var count = Int32(passed.count)
        let status = vector.withUnsafeMutableBufferPointer { buffer in
            var base = buffer.baseAddress
            return LLVMFuzzerRunDriver(&count, &base) { data, size in
                apus_fuzz_reset_random()
                let input = UnsafeRawBufferPointer(start: data, count: size)
                do throws(Finding) {
                    try Driver.run(input)
                } catch {
                    fatalError(error.description)
                }
                return 0
            }
        }
        exit(status)
    }

    private static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        guard !given.isEmpty else {
            try harness?.run(input)
            return
        }
        // Memory of its own, so that what is read beyond its end is noticed.
        let whole = UnsafeMutableRawBufferPointer.allocate(byteCount: given.count + input.count, alignment: 1)
        defer { whole.deallocate() }
        whole.copyBytes(from: given)
        UnsafeMutableRawBufferPointer(rebasing: whole[given.count...]).copyMemory(from: input)
        try harness?.run(UnsafeRawBufferPointer(whole))
    }

    private static func bytes(hex text: Substring) -> [UInt8]? {
        var bytes: [UInt8] = [], rest = text
        while !rest.isEmpty {
            guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    private static func fail(_ sentence: String) -> Never {
        _ = (sentence + "\n").withCString { write(STDERR_FILENO, $0, strlen($0)) }
        exit(64)
    }
}
