/// Offers as made by FFmpeg 8.1.2's WHIP muxer (PyAV 18.1).
package enum FFmpegOffers {
    /// H264 and Opus.
    package static let publish = """
        v=0
        o=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1
        s=FFmpegPublishSession
        t=0 0
        a=group:BUNDLE 0 1
        a=extmap-allow-mixed
        a=msid-semantic: WMS
        m=audio 9 UDP/TLS/RTP/SAVPF 111
        c=IN IP4 0.0.0.0
        a=ice-ufrag:eb05e70b
        a=ice-pwd:5c4eee466c728b2a30cb05ca9de28d74
        a=fingerprint:sha-256 A4:18:08:59:21:18:1C:19:69:1E:70:FC:7D:B8:C8:D5:04:67:48:5C:00:B4:DB:9A:6F:79:0E:FB:01:77:68:1F
        a=setup:passive
        a=mid:0
        a=sendonly
        a=msid:FFmpeg audio
        a=rtcp-mux
        a=rtpmap:111 opus/48000/2
        a=ssrc:3093830625 cname:FFmpeg
        a=ssrc:3093830625 msid:FFmpeg audio
        m=video 9 UDP/TLS/RTP/SAVPF 106 105
        c=IN IP4 0.0.0.0
        a=ice-ufrag:eb05e70b
        a=ice-pwd:5c4eee466c728b2a30cb05ca9de28d74
        a=fingerprint:sha-256 A4:18:08:59:21:18:1C:19:69:1E:70:FC:7D:B8:C8:D5:04:67:48:5C:00:B4:DB:9A:6F:79:0E:FB:01:77:68:1F
        a=setup:passive
        a=mid:1
        a=sendonly
        a=msid:FFmpeg video
        a=rtcp-mux
        a=rtcp-rsize
        a=rtpmap:106 H264/90000
        a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42000d
        a=rtcp-fb:106 nack
        a=rtpmap:105 rtx/90000
        a=fmtp:105 apt=106
        a=ssrc-group:FID 3093830626 3093830627
        a=ssrc:3093830626 cname:FFmpeg
        a=ssrc:3093830626 msid:FFmpeg video
        """
}
