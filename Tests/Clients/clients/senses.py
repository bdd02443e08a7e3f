"""What a person would notice of the media that an SDK client receives: its loudest tone, and its picture's colour and size."""

import time
from collections import deque

import numpy

SAMPLE_RATE = 48000
WINDOW = 0.5


class Ear:
    """Keeps the last half second, by the time of arrival: silence that stops arriving is silence."""

    def __init__(self):
        self.blocks = deque()

    def take(self, frame):
        now = time.monotonic()
        self.blocks.append((now, numpy.frombuffer(frame.data, dtype=numpy.int16).copy()))
        self.expire(now)

    def expire(self, now):
        while self.blocks and self.blocks[0][0] < now - WINDOW:
            self.blocks.popleft()

    def report(self):
        """`frequency` of the strongest component in Hz, `clearness` its power over that of all others in dB, `level` from 0 to 1."""
        self.expire(time.monotonic())
        if not self.blocks:
            return {"frequency": 0.0, "clearness": 0.0, "level": 0.0, "seconds": 0.0}
        heard = numpy.concatenate([samples for _, samples in self.blocks]).astype(float) / 32768
        power = numpy.abs(numpy.fft.rfft(heard * numpy.hanning(len(heard)))) ** 2
        power[: 1 + 40 * len(heard) // SAMPLE_RATE] = 0
        peak = int(numpy.argmax(power))
        width = 2 + 15 * len(heard) // SAMPLE_RATE  # the window's main lobe, and what Opus makes of the tone close by
        near = power[max(0, peak - width) : peak + width + 1].sum()
        rest = power.sum() - near
        return {
            "frequency": peak * SAMPLE_RATE / len(heard),
            "clearness": float(10 * numpy.log10((near + 1e-12) / (rest + 1e-12))),
            "level": float(numpy.sqrt((heard**2).mean())),
            "seconds": len(heard) / SAMPLE_RATE,
        }


class Eye:
    """The last frame's size and mean colour, and how many frames there were."""

    def __init__(self):
        self.frames, self.frame = 0, None

    def take(self, frame):
        self.frames += 1
        self.frame = frame

    def report(self):
        if not self.frame:
            return {"frames": 0, "size": None, "colour": None}
        size = [self.frame.width, self.frame.height]
        return {"frames": self.frames, "size": size, "colour": mean_colour(self.frame)}


def mean_colour(frame):
    """Red, green and blue from the means of I420's planes (ITU-R BT.601, video range)."""
    y, u, v = (numpy.frombuffer(frame.get_plane(plane), dtype=numpy.uint8).mean() for plane in range(3))
    y, u, v = 1.164 * (y - 16), u - 128, v - 128
    colour = (y + 1.596 * v, y - 0.391 * u - 0.813 * v, y + 2.018 * u)
    return [round(min(255.0, max(0.0, part))) for part in colour]
