import SDP

/// Why an offer or a fragment was refused, as HTTP tells it.
package struct NegotiationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// 400: not SDP. 413: more of it than is read. 422: understood, but there is nothing that can be agreed.
    package var status: Int
    /// One sentence for whoever made the offer.
    package var sentence: String

    package init(status: Int, sentence: String) {
        self.status = status
        self.sentence = sentence
    }

    package var description: String { "\(status) \(sentence)" }

    init(_ error: SDPError) {
        switch error.reason {
        case .malformed: self.init(status: 400, sentence: error.description)
        case .tooBig: self.init(status: 413, sentence: error.description)
        }
    }

    static func malformed(_ sentence: String) -> NegotiationError { NegotiationError(status: 400, sentence: sentence) }
    static func unusable(_ sentence: String) -> NegotiationError { NegotiationError(status: 422, sentence: sentence) }
}
