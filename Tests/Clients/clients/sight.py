"""What a person sees of a picture for a while: freezes as WebRTC's statistics define them, pictures a second, and the sizes there were."""

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
    kilobits: float
    """Media a second, picture and sound, without headers."""
    repaired: int
    """Packets that came when they were sent again."""

    def __str__(self):
        heights = "→".join(map(str, self.heights))
        return (
            f"{self.seconds:.1f} s: frozen {self.frozen:.2f} s in {self.freezes}, {self.rate:.1f} fps, {heights}, "
            f"{self.kilobits:.0f} kbit/s, {self.repaired} repaired"
        )


async def sight(viewer, seconds):
    """Watches for so long, by the page's clock."""
    first = last = await viewer.stats()
    heights = [first["video"]["frameHeight"]]

    async def over():
        nonlocal last
        last = await viewer.stats()
        if (height := last["video"]["frameHeight"]) != heights[-1]:
            heights.append(height)
        return last["at"] - first["at"] >= seconds * 1000

    await until(over, "the page's clock goes on", seconds + 10, every=0.2)
    frames = last["video"]["framesDecoded"]

    async def another():
        now = await viewer.stats()
        return now if now["video"]["framesDecoded"] > frames else None

    # A freeze is counted when the next picture comes.
    end = await until(another, "a picture comes", 15)

    def more(kind, field, until=last):
        return until[kind][field] - first[kind][field]

    taken = (last["at"] - first["at"]) / 1000
    return Sight(
        seconds=taken, frozen=more("video", "totalFreezesDuration", end), freezes=more("video", "freezeCount", end),
        rate=more("video", "framesDecoded") / taken, heights=heights,
        kilobits=(more("video", "bytesReceived") + more("audio", "bytesReceived")) * 8 / 1000 / taken,
        repaired=more("video", "retransmittedPacketsReceived"),
    )  # fmt: skip
