/// Offers as made by aiortc 1.16.0.
package enum AiortcOffers {
    /// Sendonly audio and video.
    package static let publish = """
        v=0
        o=- 4004434882 4004434882 IN IP4 0.0.0.0
        s=-
        t=0 0
        a=group:BUNDLE 0 1
        a=msid-semantic:WMS *
        m=audio 57481 UDP/TLS/RTP/SAVPF 96 9 0 8
        c=IN IP4 192.0.2.2
        a=sendonly
        a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
        a=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level
        a=mid:0
        a=msid:6ce4edeb-24c9-4a3a-b022-0fd303b892e0 97b99cb8-377b-4ffa-b7a5-6d9b12d7fdab
        a=rtcp:9 IN IP4 0.0.0.0
        a=rtcp-mux
        a=ssrc:1259246858 cname:c96a23ba-35e0-49ab-97c7-48db0cde70bd
        a=rtpmap:96 opus/48000/2
        a=rtpmap:9 G722/8000
        a=rtpmap:0 PCMU/8000
        a=rtpmap:8 PCMA/8000
        a=candidate:f957a2332b1715da3b0ef8ba684454eb 1 udp 2130706431 192.0.2.2 57481 typ host
        a=candidate:d0bcf3d9c29a2bc887618212a1623bfa 1 udp 2130706431 fd00::2 34904 typ host
        a=end-of-candidates
        a=ice-ufrag:Htmd
        a=ice-pwd:9ex4nwppNznOYAMdd5UpPJ
        a=fingerprint:sha-256 25:51:1B:55:86:0F:42:0D:2A:E4:A1:05:E1:46:F7:B1:2F:CE:D5:CF:44:7E:B0:88:BA:10:EF:3A:D8:08:C3:95
        a=fingerprint:sha-384 12:B0:4D:A0:A3:51:59:9C:A8:74:6D:D5:53:C1:55:B1:0E:23:C2:5B:83:E3:F6:5B:F2:48:17:A2:34:7C:1E:B9:BA:3C:9E:F0:07:22:EE:A6:3C:62:21:4C:43:B3:25:4E
        a=fingerprint:sha-512 F0:1C:E8:03:3C:E6:A7:80:83:23:DC:62:F8:14:AC:67:C9:2C:75:87:E3:F7:5A:B1:4D:E0:C4:3C:42:05:02:B7:D3:5F:74:2A:95:4F:58:B9:6D:CF:F0:84:14:0C:58:98:88:62:B3:6E:60:B8:D7:AC:9A:DE:3E:11:BA:24:B8:B9
        a=setup:actpass
        m=video 59622 UDP/TLS/RTP/SAVPF 97 98 99 100 101 102
        c=IN IP4 192.0.2.2
        a=sendonly
        a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
        a=extmap:3 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
        a=mid:1
        a=msid:6ce4edeb-24c9-4a3a-b022-0fd303b892e0 93579dd4-9836-4ee2-a654-9be39d2d0111
        a=rtcp:9 IN IP4 0.0.0.0
        a=rtcp-mux
        a=ssrc-group:FID 1686134323 2825974734
        a=ssrc:1686134323 cname:c96a23ba-35e0-49ab-97c7-48db0cde70bd
        a=ssrc:2825974734 cname:c96a23ba-35e0-49ab-97c7-48db0cde70bd
        a=rtpmap:97 VP8/90000
        a=rtcp-fb:97 nack
        a=rtcp-fb:97 nack pli
        a=rtcp-fb:97 goog-remb
        a=rtpmap:98 rtx/90000
        a=fmtp:98 apt=97
        a=rtpmap:99 H264/90000
        a=rtcp-fb:99 nack
        a=rtcp-fb:99 nack pli
        a=rtcp-fb:99 goog-remb
        a=fmtp:99 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
        a=rtpmap:100 rtx/90000
        a=fmtp:100 apt=99
        a=rtpmap:101 H264/90000
        a=rtcp-fb:101 nack
        a=rtcp-fb:101 nack pli
        a=rtcp-fb:101 goog-remb
        a=fmtp:101 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
        a=rtpmap:102 rtx/90000
        a=fmtp:102 apt=101
        a=candidate:f957a2332b1715da3b0ef8ba684454eb 1 udp 2130706431 192.0.2.2 59622 typ host
        a=candidate:d0bcf3d9c29a2bc887618212a1623bfa 1 udp 2130706431 fd00::2 49489 typ host
        a=end-of-candidates
        a=ice-ufrag:Htmd
        a=ice-pwd:9ex4nwppNznOYAMdd5UpPJ
        a=fingerprint:sha-256 25:51:1B:55:86:0F:42:0D:2A:E4:A1:05:E1:46:F7:B1:2F:CE:D5:CF:44:7E:B0:88:BA:10:EF:3A:D8:08:C3:95
        a=fingerprint:sha-384 12:B0:4D:A0:A3:51:59:9C:A8:74:6D:D5:53:C1:55:B1:0E:23:C2:5B:83:E3:F6:5B:F2:48:17:A2:34:7C:1E:B9:BA:3C:9E:F0:07:22:EE:A6:3C:62:21:4C:43:B3:25:4E
        a=fingerprint:sha-512 F0:1C:E8:03:3C:E6:A7:80:83:23:DC:62:F8:14:AC:67:C9:2C:75:87:E3:F7:5A:B1:4D:E0:C4:3C:42:05:02:B7:D3:5F:74:2A:95:4F:58:B9:6D:CF:F0:84:14:0C:58:98:88:62:B3:6E:60:B8:D7:AC:9A:DE:3E:11:BA:24:B8:B9
        a=setup:actpass
        """

    /// Recvonly audio and video.
    package static let watch = """
        v=0
        o=- 4004434882 4004434882 IN IP4 0.0.0.0
        s=-
        t=0 0
        a=group:BUNDLE 0 1
        a=msid-semantic:WMS *
        m=audio 33763 UDP/TLS/RTP/SAVPF 96 9 0 8
        c=IN IP4 192.0.2.2
        a=recvonly
        a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
        a=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level
        a=mid:0
        a=msid:d2879d05-afd0-4f8a-8e5b-0e72a88acd04 91325bb3-0c1d-44f3-9e11-11fa27d3c018
        a=rtcp:9 IN IP4 0.0.0.0
        a=rtcp-mux
        a=ssrc:4201231240 cname:2e6c15b3-40c7-4244-9912-2bd9b5cb7ee0
        a=rtpmap:96 opus/48000/2
        a=rtpmap:9 G722/8000
        a=rtpmap:0 PCMU/8000
        a=rtpmap:8 PCMA/8000
        a=candidate:f957a2332b1715da3b0ef8ba684454eb 1 udp 2130706431 192.0.2.2 33763 typ host
        a=candidate:d0bcf3d9c29a2bc887618212a1623bfa 1 udp 2130706431 fd00::2 46067 typ host
        a=end-of-candidates
        a=ice-ufrag:NutL
        a=ice-pwd:wQqOSinsTD3rauBcccf1pV
        a=fingerprint:sha-256 C2:A0:4F:10:51:43:1B:91:A5:3D:B2:0E:F8:6C:5B:C1:7A:8B:5F:0D:52:E9:67:1A:62:6C:0C:FD:4B:E7:6F:E1
        a=fingerprint:sha-384 25:54:7B:5C:C6:02:31:7B:65:38:FA:A8:1F:A0:97:1B:43:2B:D3:AF:61:47:14:37:14:6A:5D:B5:23:D6:A2:C0:E4:71:AB:72:62:2B:6D:8C:91:6C:40:C5:D0:D9:32:AF
        a=fingerprint:sha-512 67:B0:0E:88:77:07:34:52:51:1E:29:26:DE:F3:19:78:72:50:51:B3:19:F3:FA:5E:E9:32:5C:4B:48:63:D8:42:D2:34:E1:C5:07:97:85:7C:92:5C:75:BD:A4:BF:8C:7F:52:CA:15:C8:EF:26:17:69:4A:2C:37:D4:31:54:75:7C
        a=setup:actpass
        m=video 41261 UDP/TLS/RTP/SAVPF 97 98 99 100 101 102
        c=IN IP4 192.0.2.2
        a=recvonly
        a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
        a=extmap:3 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
        a=mid:1
        a=msid:d2879d05-afd0-4f8a-8e5b-0e72a88acd04 6a4b2cab-8cdc-4ee6-9ae5-4d4060db0d85
        a=rtcp:9 IN IP4 0.0.0.0
        a=rtcp-mux
        a=ssrc-group:FID 1167938412 2248661981
        a=ssrc:1167938412 cname:2e6c15b3-40c7-4244-9912-2bd9b5cb7ee0
        a=ssrc:2248661981 cname:2e6c15b3-40c7-4244-9912-2bd9b5cb7ee0
        a=rtpmap:97 VP8/90000
        a=rtcp-fb:97 nack
        a=rtcp-fb:97 nack pli
        a=rtcp-fb:97 goog-remb
        a=rtpmap:98 rtx/90000
        a=fmtp:98 apt=97
        a=rtpmap:99 H264/90000
        a=rtcp-fb:99 nack
        a=rtcp-fb:99 nack pli
        a=rtcp-fb:99 goog-remb
        a=fmtp:99 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
        a=rtpmap:100 rtx/90000
        a=fmtp:100 apt=99
        a=rtpmap:101 H264/90000
        a=rtcp-fb:101 nack
        a=rtcp-fb:101 nack pli
        a=rtcp-fb:101 goog-remb
        a=fmtp:101 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
        a=rtpmap:102 rtx/90000
        a=fmtp:102 apt=101
        a=candidate:f957a2332b1715da3b0ef8ba684454eb 1 udp 2130706431 192.0.2.2 41261 typ host
        a=candidate:d0bcf3d9c29a2bc887618212a1623bfa 1 udp 2130706431 fd00::2 39385 typ host
        a=end-of-candidates
        a=ice-ufrag:NutL
        a=ice-pwd:wQqOSinsTD3rauBcccf1pV
        a=fingerprint:sha-256 C2:A0:4F:10:51:43:1B:91:A5:3D:B2:0E:F8:6C:5B:C1:7A:8B:5F:0D:52:E9:67:1A:62:6C:0C:FD:4B:E7:6F:E1
        a=fingerprint:sha-384 25:54:7B:5C:C6:02:31:7B:65:38:FA:A8:1F:A0:97:1B:43:2B:D3:AF:61:47:14:37:14:6A:5D:B5:23:D6:A2:C0:E4:71:AB:72:62:2B:6D:8C:91:6C:40:C5:D0:D9:32:AF
        a=fingerprint:sha-512 67:B0:0E:88:77:07:34:52:51:1E:29:26:DE:F3:19:78:72:50:51:B3:19:F3:FA:5E:E9:32:5C:4B:48:63:D8:42:D2:34:E1:C5:07:97:85:7C:92:5C:75:BD:A4:BF:8C:7F:52:CA:15:C8:EF:26:17:69:4A:2C:37:D4:31:54:75:7C
        a=setup:actpass
        """
}
