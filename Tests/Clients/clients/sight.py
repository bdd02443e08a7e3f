"""What a person sees of a picture for a while: freezes as WebRTC's statistics define them, pictures a second, and the sizes there were."""

from collections import Counter
from dataclasses import dataclass

from .waiting import until


@dataclass
class Sight:
    seconds: float
    frozen: float
    """Seconds in freezes. One that goes on at the end is counted whole."""
    freezes: int
    rate: float
    """Pictures a second."""
    heights: list
    """Those that were seen, in their order."""
    shares: Counter
    """For what share of the time each of them was."""
    kilobits: float
    """Media a second, picture and sound, without headers and, where the browser tells them apart (Firefox does not), what was sent again."""
    nacks: int
    plis: int

    def __str__(self):
        heights = "→".join(map(str, self.heights))
        return (
            f"{self.seconds:.1f} s: frozen {self.frozen:.2f} s in {self.freezes}, {self.rate:.1f} fps, {heights}, "
            f"{self.kilobits:.0f} kbit/s, {self.nacks} NACKs, {self.plis} PLIs"
        )

    def below(self, height):
        """For what share of the time the picture was smaller."""
        return sum(share for seen, share in self.shares.items() if seen < height)


async def sight(viewer, seconds):
    """Watches for so long, by the page's clock."""
    first = last = await viewer.stats()
    heights, spent = [], Counter()

    async def over():
        nonlocal last
        now = await viewer.stats()
        height = now["video"]["frameHeight"]
        if not heights or height != heights[-1]:
            heights.append(height)
        spent[height] += now["at"] - last["at"]
        last = now
        return last["at"] - first["at"] >= seconds * 1000

    await until(over, "the page's clock goes on", seconds + 10, every=0.1)
    frames = last["video"]["framesDecoded"]

    async def another():
        now = await viewer.stats()
        return now if now["video"]["framesDecoded"] > frames else None

    # A freeze is counted when the next picture comes.
    end = await until(another, "a picture comes", 15)

    def more(kind, field, end=last):
        return end[kind][field] - first[kind][field]

    received = more("video", "bytesReceived") - more("video", "retransmittedBytesReceived") + more("audio", "bytesReceived")
    taken = (last["at"] - first["at"]) / 1000
    return Sight(
        seconds=taken, frozen=more("video", "totalFreezesDuration", end), freezes=more("video", "freezeCount", end),
        rate=more("video", "framesDecoded") / taken,
        heights=heights, shares=Counter({height: time / taken / 1000 for height, time in spent.items()}),
        kilobits=received * 8 / 1000 / taken, nacks=more("video", "nackCount"), plis=more("video", "pliCount"),
    )  # fmt: skip
