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


# The pages /publish and /watch.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
async def test_publish_and_watch_are_back_after_a_restart(apus, chromium, firefox, closing, number):
    """The server no longer has their sessions, and they make new ones. Nobody is asked for the camera again."""
    publisher = closing(await chromium.publish(apus, "a-room"))
    viewer = closing(await (await firefox.watch(apus, "a-room")).decoding(10))
    pages = [publisher, viewer]
    await publisher.run("(navigator.mediaDevices.getUserMedia = () => { throw new Error('asked again'); }, true)")
    for page in pages:
        await page.run("(window.before = window.apus.pc, true)")
    apus.process.send_signal(number)
    await asyncio.wait_for(apus.process.wait(), 15)
    await apus._reader
    gone = time.monotonic()
    for page in pages:
        await until(lambda: is_lost(page), "the page says that the connection is lost", 15)
    # What the server says goodbye to is known at once; that it was killed only its silence tells.
    if number == signal.SIGTERM:
        assert time.monotonic() - gone < 3, f"said after {time.monotonic() - gone:.1f} s"
    await apus.start()
    for page in pages:
        await until(lambda: is_anew(page), "the page is connected anew", 20)
    await viewer.picture_lives(timeout=15)
    for page in pages:
        assert await page.error() is None


async def test_who_waits_for_a_publisher_goes_on_waiting_over_a_restart(apus, chromium, closing):
    viewer = closing(await chromium.watch(apus, "a-room"))
    await until(lambda: is_waiting(viewer), "the page waits for somebody who publishes", 10)
    assert await apus.stop() == 0
    await until(lambda: is_lost(viewer), "the page says that the connection is lost", 10)
    await apus.start()
    await until(lambda: is_waiting(viewer), "the page waits again", 10)
    closing(await chromium.publish(apus, "a-room"))
    await viewer.decoding(10, timeout=15)


async def test_a_proxy_that_answers_for_a_server_that_is_away_ends_no_session(apus, chromium, closing):
    page = closing(await chromium.publish(apus, "a-room"))
    await page.run("(window.before = window.apus.pc, true)")
    answered = []

    async def proxy(route):
        if route.request.method != "PATCH" or len(answered) == 3:
            return await route.continue_()
        answered.append(route)
        await route.fulfill(status=502, body="Bad gateway")

    await page.page.route("**/whip/a-room/**", proxy)
    apus.process.kill()
    await apus.process.wait()
    await apus._reader
    await apus.start()
    await until(lambda: is_anew(page), "the page is connected anew", 20)
    assert len(answered) == 3


async def test_a_page_that_is_refused_after_a_restart_ends(apus, chromium, closing):
    page = closing(await chromium.publish(apus, "a-room"))
    await page.page.route("**/whip/a-room", lambda route: route.fulfill(status=403, body="Not any more."))
    await restart(apus)
    await until(lambda: has_failed(page), "the page ends", 15)
    assert "Not any more." in await page.error()


async def test_a_page_does_not_start_over_for_ever(apus, chromium, closing):
    """Two pages with one token would end each other's sessions until somebody closes one. Here time passes quickly."""
    page = closing(await chromium.publish(apus, "a-room"))
    asked = []

    async def refuse(route):
        asked.append(route)
        await route.fulfill(status=503, body="Not now.")

    await page.page.route("**/whip/a-room", refuse)
    await page.run("(window.pauses = [], window.later = setTimeout, 0)")
    await page.run("(window.setTimeout = (then, time) => { pauses.push(time); return later(then, time / 1000); }, 0)")
    await restart(apus)
    await until(lambda: has_failed(page), "the page gives up", 30)
    assert 10 <= len(asked) <= 100 and "Not now." in await page.error()
    pauses = await page.run("window.pauses")
    assert pauses[0] == 0 and max(pauses) <= 12_500 and sum(pauses) > 120_000, pauses


async def test_a_page_that_was_stopped_does_not_start_over(apus, chromium, closing):
    page = closing(await chromium.publish(apus, "a-room"))
    assert await apus.stop() == 0
    await until(lambda: is_lost(page), "the page says that the connection is lost", 10)
    await page.run("(document.querySelector('[data-testid=stop]').click(), true)")
    await apus.start()
    await asyncio.sleep(4)
    assert await page.state() == "stopped"
    assert await apus.metric("apus_http_sessions") == 0


async def restart(apus):
    assert await apus.stop() == 0
    await apus.start()


async def is_lost(page):
    return await page.state() == "disconnected"


async def is_waiting(page):
    return await page.state() == "waiting"


async def is_anew(page):
    return await page.state() == "connected" and await page.run("window.apus.pc !== window.before")


async def has_failed(page):
    return await page.state() == "failed"


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
