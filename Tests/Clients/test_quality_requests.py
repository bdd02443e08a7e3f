"""A client asks for another quality, and gets it: a browser publishes from the web app, LiveKit's SDK watches."""

import time

import pytest

from clients.guest import make_room, room_of
from clients.waiting import until

SIZES = {"high": (1280, 720), "medium": (640, 360), "low": (320, 180)}


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
async def test_another_quality_shows_without_a_freeze(apus, guests, sdk, record_property, browser):
    """Each within four seconds of the request: what nobody watched meanwhile may have to be switched on again."""
    link = await make_room(apus)
    ada = await guests.named(browser, saves_data=False)
    await ada.join(link, "Ada")
    bob = await sdk("bob")
    await bob.join(apus, room_of(link))
    picture = {"identity": ada.identity, "name": (await bob.event("track_subscribed", identity=ada.identity, kind="video"))["sid"]}
    await bob.sees(ada.identity, size=SIZES["high"], timeout=20)
    before = await steady(bob, picture)
    for quality in ("low", "high", "medium", "high", "low", "medium"):
        began = time.monotonic()
        await bob.call("quality", **picture, quality=quality)
        await bob.sees(ada.identity, size=SIZES[quality], more=1, timeout=4)
        seconds = time.monotonic() - began
        print(f"{quality} after {seconds:.2f} s")
        record_property(quality, round(seconds, 2))
        await bob.sees(ada.identity, size=SIZES[quality], more=30)
    after = await bob.call("received", **picture)
    assert after["freezes"] == before["freezes"], (before, after)


async def steady(bob, picture):
    """Awaits two seconds without a freeze: the call has begun."""
    last = await bob.call("received", **picture)

    async def smooth():
        nonlocal last
        former, last = last, await bob.call("received", **picture)
        return last if last["freezes"] == former["freezes"] and last["frames"] > former["frames"] + 20 else None

    return await until(smooth, "the picture is steady", 15, every=2)
