import CFuzzing
import FuzzHarnesses
import Glibc

/// `fuzz --list` names the harnesses, each with its longest input; `fuzz HARNESS [--plant] [libFuzzer's arguments]` runs one.
enum Driver {
    /// The chosen harness: written once, before libFuzzer starts, and read by its callback, which can capture nothing.
    nonisolated(unsafe) private static var harness: Harness?

    static func run(_ arguments: [String]) -> Never {
        guard arguments.count > 1 else { fail("usage: fuzz --list | fuzz HARNESS [--plant] [libFuzzer's arguments]") }
        if arguments[1] == "--list" {
            for harness in Harness.all { print(harness.name, harness.maximumLength) }
            exit(0)
        }
        guard let chosen = Harness.all.first(where: { $0.name == arguments[1] }) else { fail("no harness is called \(arguments[1])") }
        harness = chosen
        guard apus_fuzz_install_random() == 1 else { fail("OpenSSL keeps its own generator") }
        Harness.prepare()
        PlantedBug.isArmed = arguments.contains("--plant")
        let passed = [arguments[0]] + arguments[2...].filter { $0 != "--plant" }
        // libFuzzer may rewrite its arguments, and keeps them: the memory is never given back.
        var vector: [UnsafeMutablePointer<CChar>?] = passed.map { strdup($0) } + [nil]
        var count = Int32(passed.count)
        let status = vector.withUnsafeMutableBufferPointer { buffer in
            var base = buffer.baseAddress
            return LLVMFuzzerRunDriver(&count, &base) { data, size in
                apus_fuzz_reset_random()
                do throws(Finding) {
                    try Driver.harness?.run(UnsafeRawBufferPointer(start: data, count: size))
                } catch {
                    fatalError(error.description)
                }
                return 0
            }
        }
        exit(status)
    }

    private static func fail(_ sentence: String) -> Never {
        _ = (sentence + "\n").withCString { write(STDERR_FILENO, $0, strlen($0)) }
        exit(64)
    }
}
