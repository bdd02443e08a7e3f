"""The light load: Benchmarks/floor's publisher and subscribers, and the offers that they have no need to write themselves."""

import re
import subprocess
import time

from .servers import Floor, MEDIA

PUBLISHER_PORT, SUBSCRIBER_PORT = 30000, 30001
# As in Benchmarks/floor/media.h.
AUDIO_SSRC, VIDEO_SSRC, AUDIO_TRACKS = 2222, 1111, 16
EXTENSIONS = [
    "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
]
AUDIO = ["a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1"]
VIDEO = ["a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli", "a=rtcp-fb:96 ccm fir"]
REPAIR = ["a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96"]


def section(kind, feedback):
    """Payload types and lines of a section, as a browser would offer them with that feedback."""
    congestion = [] if feedback == "off" else [*EXTENSIONS, "a=rtcp-rsize", f"a=rtcp-fb:{111 if kind == 'audio' else 96} transport-cc"]
    if kind == "audio":
        return "111", AUDIO + congestion
    return ("96", VIDEO) if feedback == "off" else ("96 97", VIDEO + REPAIR + congestion)


class Tool:
    """One of the two programs, told by lines and answering by lines."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.fragment, self.password, self.fingerprint = self.expect("ready")

    def expect(self, word):
        line = self.process.stdout.readline().split()
        if line[:1] != [word]:
            raise SystemExit(f"{self.process.args[0]}: {' '.join(line) or 'ended'}")
        return line[1:]

    def tell(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")

    def ask(self, expected, *words):
        self.tell(*words)
        return self.expect(expected)

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def offer(self, address, port, direction, sections, feedback):
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE {' '.join(str(mid) for mid in range(len(sections)))}"]
        for mid, (kind, ssrc) in enumerate(sections):
            types, codec = section(kind, feedback)
            lines += [
                f"m={kind} 9 UDP/TLS/RTP/SAVPF {types}", "c=IN IP4 0.0.0.0", f"a=mid:{mid}", f"a={direction}", "a=rtcp-mux",
                f"a=ice-ufrag:{self.fragment}", f"a=ice-pwd:{self.password}", f"a=fingerprint:sha-256 {self.fingerprint}", "a=setup:active",
                f"a=candidate:1 1 udp 2130706431 {address} {port} typ host", *codec,
            ]  # fmt: skip
            if direction == "sendonly":
                lines += [f"a=msid:load {kind}{mid}", f"a=ssrc:{ssrc} cname:load"]
        return "\r\n".join(lines) + "\r\n"


class LightLoad:
    """`shape` is one of the publisher's, or a recording; `feedback` is on, nack or off."""

    def __init__(self, server, address, binaries, subscribers, suite, shape, feedback, receivers):
        self.server, self.address, self.feedback, self.connected = server, address, feedback, 0
        self.sections = [("audio", AUDIO_SSRC), ("video", VIDEO_SSRC)]
        if shape == "audio":
            self.sections = [("audio", AUDIO_SSRC + track) for track in range(AUDIO_TRACKS)]
        answering = {"on": "feedback", "nack": "nack", "off": "plain"}[feedback]
        stamping = "plain" if feedback == "off" else "feedback"
        self.subscribers = Tool(binaries / "subscribers", address, subscribers, SUBSCRIBER_PORT, suite, receivers, answering)
        self.publisher = Tool(binaries / "publisher", address, PUBLISHER_PORT, suite, stamping, shape)

    def connect(self, count):
        """The publisher, and subscribers until there are `count`."""
        if isinstance(self.server, Floor):
            if self.connected == 0:
                self.publisher.ask("connected", "floor", self.address, MEDIA)
                self.subscribers.ask("connected", "floor", self.address, MEDIA)
            self.connected = count
            return
        if self.connected == 0:
            offer = self.publisher.offer(self.address, PUBLISHER_PORT, "sendonly", self.sections, self.feedback)
            answer = self.server.post("whip", "publisher", offer, canPublish=True, canSubscribe=False)
            self.publisher.ask("connected", "connect", *where(answer, self.address))
        for index in range(self.connected, count):
            offer = self.subscribers.offer(self.address, SUBSCRIBER_PORT + index, "recvonly", self.sections, self.feedback)
            answer = self.server.post("whep", f"subscriber-{index}", offer, canPublish=False)
            self.subscribers.ask("connected", "connect", index, *where(answer, self.address))
        self.connected = count

    def begin(self):
        self.publisher.tell("send")

    def delivery(self):
        """Sends no more: the lowest subscriber's part of all that was ever sent.

        Padding for a probe that came in one message with a picture before it counts with that; those who verify would see a gap.
        """
        self.publisher.tell("hold")
        time.sleep(0.5)
        counts = self.counted()
        if counts["lowest"] > counts["sent"] * 1.1:
            raise SystemExit(f"{self.server.name}: more has arrived than was sent: {counts}")
        return min(counts["lowest"] / counts["sent"], 1)

    def counted(self):
        """What was ever sent, and the lowest subscriber's part of it; since the last time what arrived (in total, checked, bad, gaps, RTCP, answers to
        checks, sent again), and the delays (median, 99th percentile; µs) of that one of the first and the last who is served later."""
        (sent,) = self.publisher.ask("counted", "count")
        names = ("total", "lowest", "verified", "bad", "gaps", "rtcp", "answered", "repeated")
        words = self.subscribers.ask("counted", "count")
        delays = [float(word) for word in words[len(names) :]]
        later = max(delays[:2], delays[2:])
        return {"sent": int(sent), **dict(zip(names, map(int, words))), "delay": later[0], "delay_p99": later[1]}

    def stop(self):
        self.publisher.stop()
        self.subscribers.stop()


def where(answer, address):
    """Address, port, user fragment and password of an answer; of its candidates the one by UDP at `address`."""
    candidate = re.search(rf"(?mi)^a=candidate:\S+ 1 udp \d+ {re.escape(address)} (\d+) typ host", answer)
    fragment, password = (re.search(rf"(?m)^a=ice-{name}:(\S+)", answer) for name in ("ufrag", "pwd"))
    if not (candidate and fragment and password):
        raise SystemExit(f"An answer without a candidate at {address}, or without credentials:\n{answer}")
    return address, candidate.group(1), fragment.group(1), password.group(1)
