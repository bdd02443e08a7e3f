/// Why a description was refused: the line it happened on, and a sentence for whoever sent it.
package struct SDPError: Error, Sendable, Hashable {
    package enum Reason: Sendable, Hashable {
        /// Not the grammar of RFC 8866.
        case malformed
        /// One of `SDPLimits` was passed.
        case tooBig
    }

    package var reason: Reason
    /// Counted from 1; 0 when no single line is at fault.
    package var line: Int
    package var sentence: String

    package init(_ reason: Reason, line: Int, _ sentence: String) {
        self.reason = reason
        self.line = line
        self.sentence = sentence
    }
}

extension SDPError: CustomStringConvertible {
    package var description: String { line > 0 ? "Line \(line): \(sentence)" : sentence }
}

/// How much of a description is read at all. The largest browser offers seen are a tenth of this.
package struct SDPLimits: Sendable, Hashable {
    package var bytes = 128 * 1024
    package var lines = 4_000
    /// In bytes, without the line's end.
    package var lineLength = 4_096
    package var mediaSections = 64

    package init() {}
}
