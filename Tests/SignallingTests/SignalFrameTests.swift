import Foundation
import Signalling
import SwiftProtobuf
import Testing

@Suite("Signalling frames")
struct SignalFrameTests {
    @Test("A response reads the same in both encodings")
    func bothEncodings() throws {
        var response = Livekit_SignalResponse()
        response.mediaSectionsRequirement = .with {
            $0.numAudios = 1
            $0.numVideos = 2
        }
        guard case .binary(let data) = try SignalFrame(response, as: .binary), case .text(let text) = try SignalFrame(response, as: .text)
        else {
            Issue.record("an encoding changed on the way")
            return
        }
        #expect(data == Data([0xca, 0x01, 0x04, 0x08, 0x01, 0x10, 0x02]))
        #expect(text == #"{"mediaSectionsRequirement":{"numAudios":1,"numVideos":2}}"#)
    }

    @Test("A request may hold what we do not know")
    func unknownFields() throws {
        let text = try SignalFrame.text(#"{"ping":"12","somethingNew":{"a":[1]}}"#).request()
        #expect(text.ping == 12)
        // Field 14 (ping), and field 99 of each wire type.
        let binary = try SignalFrame.binary(Data([0x70, 0x0c, 0x98, 0x06, 0x01, 0x9a, 0x06, 0x02, 0x41, 0x42])).request()
        #expect(binary.ping == 12)
    }

    @Test("Garbage is an error", arguments: [SignalFrame.text("{"), .text(""), .text("[]"), .binary(Data([0xff, 0xff, 0xff]))])
    func garbage(_ frame: SignalFrame) {
        #expect(throws: (any Error).self) { try frame.request() }
    }
}
