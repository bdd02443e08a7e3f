// Everything here works on UTF-8, never on Characters: a combining mark behind a space, or CR LF, would otherwise be one Character
// and hide the separator.

extension String {
    /// The parts between the separators, empty ones left out; at most `limit` parts, the last with all that remains.
    package func fields(separatedBy separator: Unicode.Scalar = " ", limit: Int = .max) -> [String] {
        guard separator.isASCII, limit > 0 else { return [self] }
        let byte = UInt8(truncatingIfNeeded: separator.value)
        return utf8.split(separator: byte, maxSplits: limit - 1, omittingEmptySubsequences: true).map { String(Substring($0)) }
    }

    /// The text before and after the first separator; nil after it when there is none.
    package func cut(at separator: Unicode.Scalar) -> (before: String, after: String?) {
        let byte = UInt8(truncatingIfNeeded: separator.value)
        guard separator.isASCII, let at = utf8.firstIndex(of: byte) else { return (self, nil) }
        return (String(self[..<at]), String(self[utf8.index(after: at)...]))
    }

    /// The text without spaces and tabs at either end.
    package var trimmed: String {
        var slice = utf8[...]
        while let byte = slice.first, byte == 0x20 || byte == 0x09 { slice.removeFirst() }
        while let byte = slice.last, byte == 0x20 || byte == 0x09 { slice.removeLast() }
        return String(Substring(slice))
    }

    /// A number written in digits only: no sign, no spaces.
    package func decimal<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
        guard !isEmpty, utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Number(self)
    }

    /// Whether it is a `token` of RFC 8866 §9: printable ASCII without separators.
    package var isToken: Bool { !isEmpty && utf8.allSatisfy(\.isTokenByte) }
}

extension UInt8 {
    /// `token-char` of RFC 8866 §9.
    package var isTokenByte: Bool {
        switch self {
        case 0x21, 0x23...0x27, 0x2a, 0x2b, 0x2d, 0x2e, 0x30...0x39, 0x41...0x5a, 0x5e...0x7e: true
        default: false
        }
    }

    /// The value of a hexadecimal digit.
    package var hexDigit: UInt8? {
        switch self {
        case 0x30...0x39: self &- 0x30
        case 0x41...0x46: self &- 0x37
        case 0x61...0x66: self &- 0x57
        default: nil
        }
    }
}
