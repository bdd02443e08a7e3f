"""Layers that nobody watches are not sent, and are there again as soon as somebody asks: a real encoder, and a real decoder's word on freezes."""

import asyncio
import time

import aiohttp
import pytest

from clients.guest import make_room, room_of
from clients.waiting import until


async def last_sent(guest, rids, seconds, every=0.2):
    """Watches what `guest` sends for `seconds`; how long each of `rids` went on."""
    began = time.monotonic()
    before, last = await guest.ask("probe.sends()"), dict.fromkeys(rids, 0.0)
    while time.monotonic() - began < seconds:
        await asyncio.sleep(every)
        now = await guest.ask("probe.sends()")
        for rid in rids:
            if now.get(rid, 0) != before.get(rid, 0):
                last[rid] = time.monotonic() - began
        before = now
    return last


async def explained(server, room):
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{server.admin_url}/explain/{room}") as response:
            return await response.text()


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
async def test_layers_are_off_when_nobody_watches_them_and_back_without_a_freeze(apus, guests, sdk, browser):
    link = await make_room(apus)
    ada = await guests.named(browser, saves_data=False)
    await ada.join(link, "Ada")
    viewer = await sdk("viewer")
    await viewer.join(apus, room_of(link))

    async def received():
        return await viewer.call("received", identity=ada.identity, name="")

    async def shows(width):
        return (await received())["width"] == width

    await viewer.sees(ada.identity, timeout=20)
    # Both ends look for their ways' limits first.
    try:
        await until(lambda: shows(1280), "the viewer sees the whole picture", 30)
    except AssertionError as error:
        raise AssertionError(f"{error}; {await received()}; sent: {await ada.ask('probe.sends()')}; {await explained(apus, room_of(link))}") from None

    await viewer.call("quality", identity=ada.identity, name="", quality="low")
    last = await last_sent(ada, ["q", "h", "f"], 8)
    assert last["q"] > 7, f"the layer that is watched went on for {last['q']:.1f} s of 8"
    assert all(3.5 < last[rid] < 5.3 for rid in ["h", "f"]), f"layers that nobody watches: {last}"
    assert await shows(320)

    print(f"sent on for {last}")
    before, asked = await received(), time.monotonic()
    await viewer.call("quality", identity=ada.identity, name="", quality="high")
    try:
        await until(lambda: shows(1280), "the whole picture is there again", 4, every=0.05)
    except AssertionError as error:
        raise AssertionError(f"{error}; {await received()}; sent: {await ada.ask('probe.sends()')}") from None
    print(f"shown after {time.monotonic() - asked:.2f} s")
    await asyncio.sleep(2)
    after = await received()
    assert after["freezes"] == before["freezes"], (before, after)
    assert after["frames"] - before["frames"] > 12 * (time.monotonic() - asked), (before, after)


async def test_a_picture_without_viewers_is_not_sent_until_somebody_comes(apus, guests, sdk):
    link = await make_room(apus)
    ada = await guests.chromium(saves_data=False)
    await ada.join(link, "Ada")
    last = await last_sent(ada, ["q", "h", "f"], 7)
    assert 2 < last["q"] < 5.3 and max(last.values()) < 5.3, last

    viewer = await sdk("viewer")
    await viewer.join(apus, room_of(link))
    await viewer.sees(ada.identity, more=10, timeout=5)
    await viewer.call("leave")
    last = await last_sent(ada, ["q", "h", "f"], 7)
    assert 3.5 < last["q"] < 5.5 and max(last.values()) < 5.5, last
