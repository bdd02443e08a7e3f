"""What GStreamer's webrtcbin offers, as JSON: {name: SDP}. Run by Debian's own Python, which has the bindings: `python3 gstreamer_offer.py`."""

import json
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC  # noqa: E402, F401

TONE = "audiotestsrc is-live=true ! audioconvert ! opusenc ! rtpopuspay pt=97 ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! peer."
PICTURE = "videotestsrc is-live=true ! video/x-raw,width=320,height=180 !"
PUBLISHERS = {
    "publish-vp8": f"{TONE} {PICTURE} vp8enc deadline=1 ! rtpvp8pay pt=96 ! application/x-rtp,media=video,encoding-name=VP8,payload=96 ! peer.",
    "publish-vp9": f"{TONE} {PICTURE} vp9enc deadline=1 ! rtpvp9pay pt=96 ! application/x-rtp,media=video,encoding-name=VP9,payload=96 ! peer.",
    "publish-h264": f"{TONE} {PICTURE} openh264enc ! rtph264pay pt=96 ! application/x-rtp,media=video,encoding-name=H264,payload=96 ! peer.",
}
RECEIVED = [
    "application/x-rtp,media=audio,encoding-name=OPUS,clock-rate=48000,encoding-params=(string)2,payload=97",
    "application/x-rtp,media=video,encoding-name=VP8,clock-rate=90000,payload=96,rtcp-fb-nack-pli=true",
]


def offer(peer):
    """Waits until the element has made one."""
    promise = Gst.Promise.new()
    peer.emit("create-offer", None, promise)
    promise.wait()
    reply = promise.get_reply()
    if reply.has_field("error"):
        raise RuntimeError(reply.to_string())
    return reply.get_value("offer").sdp.as_text()


def published(description):
    pipeline = Gst.parse_launch("webrtcbin name=peer bundle-policy=max-bundle " + description)
    pipeline.set_state(Gst.State.PLAYING)
    peer = pipeline.get_by_name("peer")
    # Before it knows the caps of what it sends, it offers Opus without its two channels (RFC 7587 §7 wants them, and so do we).
    for pad in peer.sinkpads:
        known = threading.Event()
        pad.connect("notify::caps", lambda _pad, _property, known=known: known.set())
        if not pad.get_current_caps() and not known.wait(20):
            raise RuntimeError("the pipeline does not play: " + description)
    text = offer(peer)
    pipeline.set_state(Gst.State.NULL)
    return text


def watched():
    # Of one element, parse_launch() makes no pipeline.
    peer = Gst.parse_launch("webrtcbin bundle-policy=max-bundle")
    pipeline = Gst.Pipeline()
    pipeline.add(peer)
    for caps in RECEIVED:
        peer.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps))
    pipeline.set_state(Gst.State.PLAYING)
    text = offer(peer)
    pipeline.set_state(Gst.State.NULL)
    return text


if __name__ == "__main__":
    Gst.init(None)
    offers = {name: published(description) for name, description in PUBLISHERS.items()}
    print(json.dumps({"version": Gst.version_string().split()[-1], "offers": {**offers, "watch": watched()}}))
