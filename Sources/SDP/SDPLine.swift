/// One `<type>=<value>` line (RFC 8866 §5).
package struct SDPLine: Sendable, Hashable {
    /// Counted from 1, blank lines included.
    package var number: Int
    /// The ASCII code of the type letter.
    package var type: UInt8
    package var value: String

    /// Splits a text into its lines. They end in CR LF or LF; blank ones are passed over.
    ///
    /// Every later step relies on what is refused here: no value holds CR, LF or NUL, so an echoed value cannot start a line of its own.
    package static func split(_ text: String, limits: SDPLimits = SDPLimits()) throws(SDPError) -> [SDPLine] {
        let bytes = Array(text.utf8.prefix(limits.bytes + 1))
        guard bytes.count <= limits.bytes else {
            throw SDPError(.tooBig, line: 0, "The description is longer than \(limits.bytes) bytes.")
        }
        var lines: [SDPLine] = []
        var number = 0
        var rest = bytes[...]
        while !rest.isEmpty {
            number += 1
            var line = rest.prefix { $0 != UInt8(ascii: "\n") }
            rest = rest.dropFirst(line.count + 1)
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if line.isEmpty { continue }
            guard lines.count < limits.lines else {
                throw SDPError(.tooBig, line: number, "The description has more than \(limits.lines) lines.")
            }
            guard line.count <= limits.lineLength else {
                throw SDPError(.tooBig, line: number, "The line is longer than \(limits.lineLength) bytes.")
            }
            guard !line.contains(where: { $0 == 0 || $0 == UInt8(ascii: "\r") }) else {
                throw SDPError(.malformed, line: number, "A NUL byte or a bare carriage return has no place in a description.")
            }
            guard let type = line.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(type),
                line.dropFirst().first == UInt8(ascii: "=")
            else {
                throw SDPError(.malformed, line: number, "A line must begin with a lower-case letter and \"=\".")
            }
            lines.append(SDPLine(number: number, type: type, value: String(decoding: line.dropFirst(2), as: UTF8.self)))
        }
        return lines
    }
}
