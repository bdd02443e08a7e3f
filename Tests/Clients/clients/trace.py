"""A packet trace (Sources/Simulation/PacketTrace.swift): made and judged by the simulator, and published by aiortc's transports as it is."""

import asyncio
import json
import os
import re
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Optional

import av
import numpy
from aiortc.rtp import RtpPacket

from .apus import REPOSITORY
from .rtc import Session

CALIBRATION = Path(os.environ.get("APUS_CALIBRATION") or REPOSITORY / ".build/release/Calibration")


async def run_calibration(*arguments, standard_input=""):
    process = await asyncio.create_subprocess_exec(
        str(CALIBRATION), *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(standard_input.encode()), 60)
    assert process.returncode == 0, err.decode()
    return out.decode()


@dataclass
class Packet:
    sequence: int
    timestamp: int
    frame: int
    index: int
    count: int
    is_keyframe: bool
    length: int
    arrival: Optional[float]
    """Seconds since the beginning; None when the packet was lost."""
    payload: bytes = b""

    def line(self):
        arrival = "-" if self.arrival is None else str(round(self.arrival * 1e6))
        return f"{self.sequence} {self.timestamp} {self.frame} {self.index} {self.count} {int(self.is_keyframe)} {self.length} {arrival}"

    @classmethod
    def parse(cls, line):
        *numbers, arrival = line.split()
        sequence, timestamp, frame, index, count, key, length = map(int, numbers)
        return cls(sequence, timestamp, frame, index, count, key == 1, length, None if arrival == "-" else int(arrival) / 1e6)


async def make_trace(seed, seconds):
    text = await run_calibration("make", str(seed), str(seconds))
    return [Packet.parse(line) for line in text.splitlines() if not line.startswith("#")]


async def play_trace(packets):
    """What the simulated decoder shows of it."""
    return json.loads(await run_calibration("play", standard_input="\n".join(packet.line() for packet in packets)))


def fill(packets):
    """Gives each packet its part of a VP8 frame: a picture that moves, keyframes where the trace has them, zeros up to the trace's length.

    What follows the last partition's data does not disturb a decoder. Each packet has the descriptor with all fields (RFC 7741 §4.2).
    """
    width, height = 320, 180
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.bit_rate = width, height, "yuv420p", 50_000
    encoder.time_base, encoder.framerate, encoder.gop_size = Fraction(1, 30), Fraction(30), 100_000
    encoder.thread_count = 1  # with more, threads that wait for each other take minutes on a busy machine
    # Coarse, so that every frame fits; a speed below zero does not change with the machine's.
    encoder.qmin, encoder.qmax = 56, 63
    encoder.options = {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0", "auto-alt-ref": "0"}
    rows = numpy.arange(height)[:, None]
    keyframes = 0
    for number, group in groupby(packets, key=lambda packet: packet.frame):
        parts = list(group)
        key = parts[0].is_keyframe
        keyframes += key
        light = numpy.where((rows + 2 * number) % 60 < 30, 180, 80).astype(numpy.uint8)
        picture = numpy.full((height * 3 // 2, width), 128, dtype=numpy.uint8)
        picture[:height] = light
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        frame.pict_type = av.video.frame.PictureType.I if key else av.video.frame.PictureType.NONE
        (encoded,) = encoder.encode(frame)
        assert encoded.is_keyframe == key, f"frame {number}"
        content = bytes(encoded)
        room = sum(part.length for part in parts) - 6 * len(parts)
        assert len(content) <= room, f"frame {number} has {len(content)} bytes, and the trace room for {room}"
        content += bytes(room - len(content))
        numbers = bytes([0xF0, 0x80 | number >> 8 & 0x7F, number & 0xFF, number & 0xFF, keyframes & 0x1F])
        for part in parts:
            share, content = content[: part.length - 6], content[part.length - 6 :]
            part.payload = bytes([0x90 if part.index == 0 else 0x80]) + numbers + share


class TracePublisher(Session):
    """Sends a trace's packets at its instants, and nothing else: no report, no retransmission, no keyframe that is asked for."""

    async def start(self, url, access_token):
        self.sender = self.connection.addTransceiver("video", direction="sendonly").sender

        async def send_no_report(packets):
            pass

        # aiortc would report on a stream that it believes to be silent.
        self.sender._send_rtcp = send_no_report
        return await self.negotiate(url, access_token)

    async def play(self, packets):
        """Sends what has an arrival, at that instant; returns the trace as it was sent, since a busy machine sends some packets late."""
        payload_type = int(re.search(r"a=rtpmap:(\d+) VP8/90000", self.connection.remoteDescription.sdp).group(1))
        sent = [replace(packet, arrival=None) for packet in packets]
        schedule = sorted((packet.arrival, order) for order, packet in enumerate(packets) if packet.arrival is not None)
        begin = time.monotonic()
        for due, order in schedule:
            wait = begin + due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            sent[order].arrival = time.monotonic() - begin
            await self.sender.transport._send_rtp(self._datagram(packets[order], payload_type))
        return sent

    def _datagram(self, packet, payload_type):
        marker = int(packet.index == packet.count - 1)
        rtp = RtpPacket(payload_type, marker, packet.sequence, packet.timestamp, self.sender._ssrc, packet.payload)
        return rtp.serialize()
