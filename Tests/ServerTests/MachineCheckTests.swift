import Server
import Testing

@Suite("Machine check")
struct MachineCheckTests {
    @Test("buffers smaller than asked for are slow, and it says what to set")
    func buffers() {
        let enough = MachineCheck.buffer("receive", 4_194_304, of: 4_194_304, "rmem_max")
        #expect(enough.verdict == .ok && enough.line == "ok      UDP receive buffers have 4194304 bytes")
        let few = MachineCheck.buffer("receive", 212_992, of: 4_194_304, "rmem_max")
        #expect(few.verdict == .slow && few.sentence.contains("212992"))
        #expect(few.sentence.contains("sysctl -w net.core.rmem_max=4194304"))
    }

    @Test("both directions of a media socket are looked at on this machine")
    func directions() {
        let sentences = MachineCheck.buffers().map(\.sentence)
        #expect(sentences.count == 2 && sentences[0].contains("receive") && sentences[1].contains("send"))
    }
}
