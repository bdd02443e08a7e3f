"""One picture on its way through a network that gets worse and better: the page that sends it, and the page that sees it."""

import time

from .sight import sight
from .waiting import until


class Call:
    """`full` is the height of the picture at its best; `record` keeps figures (pytest's `record_property`)."""

    def __init__(self, impaired, room, publisher, viewer, full, record):
        self.impaired, self.room, self.publisher, self.viewer, self.full, self.record = impaired, room, publisher, viewer, full, record

    async def until(self, condition, what, within):
        try:
            await until(condition, what, within, every=0.05)
        except AssertionError as error:
            raise AssertionError(f"{error}; {await self.reasons()}") from None

    async def grows(self, within):
        """Awaits the full size; returns the seconds that it took."""
        began = time.monotonic()

        async def is_full():
            return (await self.viewer.stats())["video"]["frameHeight"] == self.full

        await self.until(is_full, f"the picture has {self.full} lines", within)
        return self.keep("full size after", time.monotonic() - began)

    async def settles(self, within=15):
        """Awaits what comes of a narrower link: a smaller picture, and two smooth seconds. What is under way when it narrows is late or lost."""
        began = time.monotonic()
        seen = None
        while not seen or seen.freezes or max(seen.heights) == self.full:
            assert time.monotonic() - began < within, f"it does not settle: {seen}; {await self.reasons()}"
            seen = await sight(self.viewer, 2)
        return self.keep("settled after", time.monotonic() - began)

    async def smooth(self, seconds):
        """Awaits so long without a freeze.

        Browsers share two cores with whatever else runs: a stall of the machine may spoil a window, a stall of the server spoils all.
        """
        for _ in range(3):
            seen = await self.watched("clean", seconds)
            if not seen.freezes:
                return seen
        raise AssertionError(f"no {seconds} s without a freeze: {seen}; {await self.reasons()}")

    async def watched(self, name, seconds):
        seen = await sight(self.viewer, seconds)
        print(f"{name}, {seen}")
        self.record(name, str(seen))
        return seen

    def keep(self, name, seconds):
        print(f"{name} {seconds:.1f} s")
        self.record(name, round(seconds, 1))
        return seconds

    async def pictures(self):
        """What the server sends of pictures, and why."""
        return [entry for entry in await self.impaired.server.explain(self.room) if "wanted" in entry]

    async def reasons(self):
        """For a failure."""
        return f"the server: {await self.pictures()}; the publisher: {(await self.publisher.stats())['sent']}"
