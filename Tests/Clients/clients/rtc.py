"""aiortc (a WebRTC stack of its own, in Python) as WHIP publisher and WHEP viewer.

As a program it is a viewer that can be killed: `python -m clients.rtc URL TOKEN`.
"""

import asyncio
import sys
from fractions import Fraction
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import av
import numpy
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from .waiting import until


class MovingPicture(VideoStreamTrack):
    """A picture of 16:9, its brightness going up and down."""

    def __init__(self, width):
        super().__init__()
        self.width, self.frames = width, 0

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        self.frames += 1
        picture = numpy.full((self.width * 9 // 16, self.width, 3), 60 + abs((self.frames * 4) % 360 - 180), dtype=numpy.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Tone(AudioStreamTrack):
    """440 Hz, mono, 48 kHz."""

    blocks = 0

    async def recv(self):
        silence = await super().recv()  # paces us, and carries the clock
        times = numpy.arange(silence.samples) + self.blocks * silence.samples
        self.blocks += 1
        wave = (numpy.sin(2 * numpy.pi * 440 * times / silence.sample_rate) * 8000).astype(numpy.int16).reshape(1, -1)
        block = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = silence.sample_rate, silence.pts, Fraction(1, silence.sample_rate)
        return block


class Session:
    """One WHIP or WHEP session over HTTP."""

    def __init__(self):
        self.connection = RTCPeerConnection()
        self.resource = None

    async def negotiate(self, url, access_token):
        self.authorization = {"Authorization": f"Bearer {access_token}"}
        await self.connection.setLocalDescription(await self.connection.createOffer())
        async with aiohttp.ClientSession() as http:
            headers = {**self.authorization, "Content-Type": "application/sdp"}
            async with http.post(url, data=self.connection.localDescription.sdp, headers=headers) as response:
                answer = await response.text()
                assert response.status == 201, f"POST {url} answers {response.status}: {answer}"
                self.resource = urljoin(str(response.url), response.headers["Location"])
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await until(lambda: self.connection.connectionState == "connected", "aiortc is connected", 15)
        return self

    async def stop(self):
        """DELETE, then the connection's end; returns the status of the DELETE."""
        async with aiohttp.ClientSession() as http:
            async with http.delete(self.resource, headers=self.authorization) as response:
                status = response.status
        await self.connection.close()
        return status


class Publisher(Session):
    async def start(self, url, access_token, width=320):
        self.connection.addTrack(MovingPicture(width))
        self.connection.addTrack(Tone())
        return await self.negotiate(url, access_token)


class Viewer(Session):
    """Decodes what arrives; `frames`, `brightness` and `samples` are what a person would notice."""

    def __init__(self):
        super().__init__()
        self.frames, self.samples, self.brightness, self.width = 0, [], [], 0
        self._tasks = []

    async def start(self, url, access_token):
        self.connection.addTransceiver("video", direction="recvonly")
        self.connection.addTransceiver("audio", direction="recvonly")
        self.connection.on("track", lambda track: self._tasks.append(asyncio.ensure_future(self._consume(track))))
        return await self.negotiate(url, access_token)

    async def _consume(self, track: MediaStreamTrack):
        while True:
            try:
                frame = await track.recv()
            except Exception:  # aiortc ends a track by raising
                return
            if track.kind == "video":
                self.frames += 1
                self.width = frame.width
                self.brightness.append(float(frame.to_ndarray(format="gray").mean()))
            else:
                self.samples.append(frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0])

    def loudest_frequency(self):
        """The strongest frequency of the last second heard, in Hz."""
        heard = numpy.concatenate(self.samples[-50:]).astype(float)
        spectrum = numpy.abs(numpy.fft.rfft(heard * numpy.hanning(len(heard))))
        return float(numpy.argmax(spectrum[5:]) + 5) * 48000 / len(heard)


class ViewerProcess:
    """A viewer in a process of its own, to be killed without a word of goodbye."""

    async def start(self, url, access_token):
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "clients.rtc", url, access_token, cwd=Path(__file__).resolve().parents[1],
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        first = await asyncio.wait_for(self.process.stdout.readline(), 20)
        assert first.strip() == b"watching", first + await self.process.stdout.read()
        return self

    async def stop(self):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()


async def watch(url, access_token):
    viewer = await Viewer().start(url, access_token)
    await until(lambda: viewer.frames >= 5, "frames arrive", 15)
    print("watching", flush=True)
    await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(watch(sys.argv[1], sys.argv[2]))
