"""FFmpeg's WHIP muxer (as PyAV carries it): publishes a moving picture as H264 and a 440 Hz tone as Opus, in real time.

Run as a program, since an unlucky peer can take the process down: `python -m clients.ffmpeg_whip URL TOKEN SECONDS`.
"""

import asyncio
import math
import sys
import time
from fractions import Fraction
from pathlib import Path

WIDTH, HEIGHT, RATE = 640, 360, 30
SAMPLE_RATE, SAMPLES = 48000, 960


class FFmpegPublisher:
    """The muxer in a process of its own."""

    def __init__(self, url, access_token, seconds=120):
        self.arguments = [url, access_token, str(seconds)]

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "clients.ffmpeg_whip", *self.arguments, cwd=Path(__file__).resolve().parents[1],
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        first = await asyncio.wait_for(self.process.stdout.readline(), 20)
        if first.strip() != b"publishing":
            rest = await self.process.stdout.read()
            raise AssertionError("FFmpeg does not publish:\n" + (first + rest).decode(errors="replace"))
        return self

    async def stop(self):
        if self.process.returncode is None:
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.communicate(), 10)
        except asyncio.TimeoutError:
            self.process.kill()
            await self.process.wait()


def publish(url, access_token, seconds):
    import av
    import numpy

    container = av.open(url, "w", format="whip", options={"authorization": access_token})
    # Baseline, no B-frames, a keyframe each second: what a browser decodes without reordering.
    video = container.add_stream("libx264", rate=RATE)
    video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    video.codec_context.options = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "g": str(RATE), "bf": "0"}
    video.codec_context.bit_rate = 800_000
    audio = container.add_stream("libopus", rate=SAMPLE_RATE, layout="stereo")

    picture = numpy.zeros((HEIGHT, WIDTH, 3), dtype=numpy.uint8)
    picture[:, :, 1] = 120
    times = numpy.arange(SAMPLES)
    began, frames, blocks, said = time.monotonic(), 0, 0, False
    while (elapsed := time.monotonic() - began) < seconds:
        while frames < elapsed * RATE:
            picture[:, :, 0] = (frames * 8) % 256
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = frames, Fraction(1, RATE)
            container.mux(video.encode(frame))
            frames += 1
        while blocks * SAMPLES < elapsed * SAMPLE_RATE:
            wave = numpy.sin(2 * math.pi * 440 * (times + blocks * SAMPLES) / SAMPLE_RATE) * 8000
            samples = numpy.repeat(wave.astype(numpy.int16), 2).reshape(1, -1)
            block = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
            block.sample_rate, block.pts, block.time_base = SAMPLE_RATE, blocks * SAMPLES, Fraction(1, SAMPLE_RATE)
            container.mux(audio.encode(block))
            blocks += 1
        if not said:
            print("publishing", flush=True)
            said = True
        time.sleep(0.005)
    container.close()


if __name__ == "__main__":
    publish(sys.argv[1], sys.argv[2], float(sys.argv[3]))
