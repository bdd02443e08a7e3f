/// Why the server does not start, or a command does nothing: a sentence for whoever typed it, and the exit status that goes with it.
package struct StartError: Error, Equatable, Sendable {
    /// The process's exit status (sysexits.h where it has a number for the case).
    package enum Status: Int32, Sendable {
        case usage = 64
        case unavailable = 69
        case configuration = 78
    }

    package var status: Status
    package var sentence: String

    package init(_ status: Status, _ sentence: String) {
        self.status = status
        self.sentence = sentence
    }
}
