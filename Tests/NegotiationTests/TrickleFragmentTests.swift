import MediaPrimitives
import Negotiation
import SDP
import Testing

/// As in the example of RFC 9725 §4.3.2.
private let trickle = """
    a=ice-options:trickle ice2
    a=group:BUNDLE 0 1
    m=audio 9 UDP/TLS/RTP/SAVPF 111
    a=mid:0
    a=ice-ufrag:EsAw
    a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
    a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1
    a=candidate:3471623853 1 udp 2122194687 0b1a.local 61765 typ host generation 0 ufrag EsAw network-id 2
    a=candidate:473322822 1 tcp 1518280447 2001:db8::1 9 typ host tcptype active generation 0 ufrag EsAw network-id 1
    a=candidate:nonsense
    a=end-of-candidates
    """

private func refusal(_ text: String) -> NegotiationError? {
    do throws(NegotiationError) {
        _ = try TrickleFragment(parsing: text)
        return nil
    } catch {
        return error
    }
}

@Suite("A trickle fragment")
struct TrickleFragmentTests {
    @Test("has credentials, usable candidates and an end")
    func reading() throws {
        let fragment = try TrickleFragment(parsing: trickle)
        #expect(fragment.credentials == ICECredentials(ufrag: "EsAw", password: "P2uYro0UCOQ4zxjKXaWCBui1"))
        #expect(fragment.candidateCount == 2)
        #expect(fragment.endOfCandidates)
    }

    @Test("may have its credentials before any section, or none")
    func credentials() throws {
        let session = "a=ice-ufrag:abcd\r\na=ice-pwd:\(String(repeating: "p", count: 22))\r\n"
        #expect(try TrickleFragment(parsing: session).credentials?.ufrag == "abcd")
        let none = try TrickleFragment(parsing: "m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=end-of-candidates\r\n")
        #expect(none.credentials == nil)
        #expect(none.candidateCount == 0)
        #expect(none.endOfCandidates)
    }

    @Test("that is malformed or too big is refused")
    func refusals() {
        let password = String(repeating: "p", count: 22)
        for bad in [
            "", "hello", "v=0\r\n", "a=ice-ufrag:abcd\r\n", "a=ice-pwd:\(password)\r\n", "a=ice-ufrag:abc\r\na=ice-pwd:\(password)\r\n",
            "a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n",
            "a=ice-ufrag:abcd\r\na=ice-pwd:\(password)\r\nm=audio 9 RTP/AVP 0\r\na=ice-ufrag:efgh\r\na=ice-pwd:\(password)\r\n",
        ] {
            #expect(refusal(bad)?.status == 400, "\(bad.debugDescription)")
        }
        let candidate = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
        #expect(refusal(String(repeating: candidate, count: 256)) == nil)
        #expect(refusal(String(repeating: candidate, count: 257))?.status == 413)
        #expect(refusal(String(repeating: "a=x:" + String(repeating: "y", count: 4_000) + "\n", count: 20))?.status == 413)
    }

    @Test("is answered with fresh credentials for the section it named (RFC 9725 §4.3.3)")
    func restart() throws {
        let answer = try TrickleFragment(parsing: trickle).restartAnswer(local: local)
        let expected = """
            a=group:BUNDLE 0 1
            a=ice-lite
            a=ice-options:ice2
            m=audio 9 UDP/TLS/RTP/SAVPF 111
            a=mid:0
            a=ice-ufrag:ouru
            a=ice-pwd:ourpasswordourpasswordour
            a=candidate:1 1 udp 2130706431 192.0.2.1 7882 typ host
            a=candidate:2 1 udp 2130706175 2001:db8::1 7882 typ host
            a=candidate:3 1 tcp 1526726143 192.0.2.1 7881 typ host tcptype passive
            a=end-of-candidates

            """
        #expect(answer.fields(separatedBy: "\r").joined() == expected)
        // It is a fragment itself.
        #expect(try TrickleFragment(parsing: answer).credentials == local.credentials)
        #expect(try TrickleFragment(parsing: answer).candidateCount == 3)
        let bare = try TrickleFragment(parsing: "a=ice-ufrag:abcd\r\na=ice-pwd:\(String(repeating: "p", count: 22))\r\n")
        #expect(try TrickleFragment(parsing: bare.restartAnswer(local: local)).credentials == local.credentials)
    }
}
