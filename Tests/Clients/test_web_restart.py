"""The server goes and comes back under a call: the pages return by themselves."""

import asyncio
import signal
import time

import pytest

from clients.guest import make_room
from clients.waiting import until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
async def test_a_call_is_back_within_ten_seconds_of_a_restart(apus, guests, number, record_property):
    """Two pages in Chromium and one in Firefox see and hear each other again, and nobody has touched anything."""
    link = await make_room(apus)
    people = [await guests.chromium(), await guests.chromium(), await guests.firefox()]
    for guest, name in zip(people, ["Ada", "Grace", "Alan"]):
        await guest.join(link, name)
    for guest in people:
        await guest.sees_pictures(3)
        await guest.hears(2)
        await guest.ask("probe.remember()")

    apus.process.send_signal(number)
    await asyncio.wait_for(apus.process.wait(), 15)
    await apus._reader
    for guest in people:
        await until(lambda: reconnecting(guest), "the page says that it reconnects", 10)
    await apus.start()
    ready = time.monotonic()

    waiting = list(people)

    async def all_back():
        waiting[:] = [guest for guest in waiting if not await is_back(guest)]
        return not waiting

    try:
        await until(all_back, "media flows again in both directions at every page", 30, every=0.05)
    except AssertionError as error:
        told = [(guest.identity, await guest.state(), await guest.ask("probe.arrives()"), await guest.ask("probe.lacks()")) for guest in waiting]
        raise AssertionError(f"{error}; {told}") from None
    seconds = time.monotonic() - ready
    print(f"{number.name}: back after {seconds:.1f} s")
    record_property("seconds", round(seconds, 2))
    assert seconds < 10, f"back after {seconds:.1f} s"
    for guest in people:
        await guest.sees_only(*people)
        await guest.sees_pictures(3)
        await guest.hears(2)


async def reconnecting(guest):
    return await guest.state() == "reconnecting"


async def is_back(guest):
    """On a new connection pictures and sound of both others arrive."""
    if not await guest.ask("probe.isNew()"):
        return False
    media = await guest.ask("probe.arrives()")
    seen = [frames for frames in media["frames"].values() if frames > 2]
    heard = [energy for energy in media["energy"].values() if energy > 0]
    return len(seen) == 2 and len(heard) == 2
