import MediaPrimitives
import RTP
import SDP

extension LocalSection {
    /// Announces a track of ours, and the SSRCs it is sent under (RFC 8830 §2, RFC 5576 §4).
    mutating func send(_ track: TrackDescription, as stream: RTPParameters.Stream, cname: String) {
        parameters.streams = [stream]
        let msid = "\(track.streamID.msidText) \(track.trackID.msidText)"
        trailing.append(Attribute("msid", msid))
        if let rtx = stream.rtxSSRC { trailing.append(Attribute("ssrc-group", "FID \(stream.ssrc) \(rtx)")) }
        for ssrc in [stream.ssrc, stream.rtxSSRC].compactMap(\.self) {
            trailing.append(Attribute("ssrc", "\(ssrc) cname:\(cname)"))
            trailing.append(Attribute("ssrc", "\(ssrc) msid:\(msid)"))
        }
    }
}

extension String {
    /// At most 64 token characters (RFC 8830 §2), whatever the text holds.
    fileprivate var msidText: String {
        let bytes = utf8.prefix(64).map { $0.isTokenByte ? $0 : UInt8(ascii: "_") }
        return bytes.isEmpty ? "-" : String(decoding: bytes, as: UTF8.self)
    }
}
