"""The light load: Benchmarks/floor's publisher and subscribers, and the offers that they have no need to write themselves."""

import re
import subprocess

from .servers import Floor, MEDIA

PUBLISHER_PORT, SUBSCRIBER_PORT = 30000, 30001
AUDIO = ["a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1"]
VIDEO = ["a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli", "a=rtcp-fb:96 ccm fir"]


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

    def offer(self, address, port, direction):
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1"]
        for mid, (kind, type, codec, ssrc) in enumerate([("audio", 111, AUDIO, 2222), ("video", 96, VIDEO, 1111)]):
            lines += [
                f"m={kind} 9 UDP/TLS/RTP/SAVPF {type}", "c=IN IP4 0.0.0.0", f"a=mid:{mid}", f"a={direction}", "a=rtcp-mux",
                f"a=ice-ufrag:{self.fragment}", f"a=ice-pwd:{self.password}", f"a=fingerprint:sha-256 {self.fingerprint}", "a=setup:active",
                f"a=candidate:1 1 udp 2130706431 {address} {port} typ host", *codec,
            ]  # fmt: skip
            if direction == "sendonly":
                lines += [f"a=msid:load {kind}", f"a=ssrc:{ssrc} cname:load"]
        return "\r\n".join(lines) + "\r\n"


class LightLoad:
    def __init__(self, server, address, binaries, subscribers, suite, shape, receivers, verifying=1):
        self.server, self.address, self.connected = server, address, 0
        self.subscribers = Tool(binaries / "subscribers", address, subscribers, SUBSCRIBER_PORT, suite, min(verifying, subscribers), receivers)
        self.publisher = Tool(binaries / "publisher", address, PUBLISHER_PORT, suite, *shape)

    def connect(self, count):
        """The publisher, and subscribers until there are `count`."""
        if isinstance(self.server, Floor):
            if self.connected == 0:
                self.publisher.ask("connected", "floor", self.address, MEDIA)
                self.subscribers.ask("connected", "floor")
            self.connected = count
            return
        if self.connected == 0:
            offer = self.publisher.offer(self.address, PUBLISHER_PORT, "sendonly")
            answer = self.server.post("whip", "publisher", offer, canPublish=True, canSubscribe=False)
            self.publisher.ask("connected", "connect", *where(answer, self.address))
        for index in range(self.connected, count):
            offer = self.subscribers.offer(self.address, SUBSCRIBER_PORT + index, "recvonly")
            answer = self.server.post("whep", f"subscriber-{index}", offer, canPublish=False)
            self.subscribers.ask("connected", "connect", index, *where(answer, self.address))
        self.connected = count

    def begin(self):
        self.publisher.tell("send")

    def counted(self):
        """Since the last time: what was sent, and of what arrived the total, the lowest subscriber's, the checked, the bad, the gaps and RTCP."""
        (sent,) = self.publisher.ask("counted", "count")
        names = ("total", "lowest", "verified", "bad", "gaps", "rtcp")
        return {"sent": int(sent), **dict(zip(names, map(int, self.subscribers.ask("counted", "count")), strict=True))}

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
