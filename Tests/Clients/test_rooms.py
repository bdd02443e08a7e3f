"""Joining, leaving and coming back."""

import statistics

import pytest

from clients.joining import first_frame
from clients.rtc import Publisher, Viewer, ViewerProcess
from clients.tokens import token
from clients.waiting import until


async def test_ten_joins_have_a_median_under_a_second(apus, chromium, closing):
    """From the page's start to its first decoded frame, each join into a call that is running."""
    closing(await chromium.publish(apus, "join"))
    times = [await first_frame(chromium, apus, "join", f"viewer-{number}") for number in range(10)]
    assert statistics.median(times) < 1.0, " ".join(f"{seconds:.2f}" for seconds in times)


async def test_who_joins_late_gets_a_picture_within_a_second(apus, chromium, closing):
    """The last keyframe was long ago: the server asks for one."""
    publisher = closing(await chromium.publish(apus, "late"))
    await publisher.encoding(frames=150, timeout=20)
    assert await first_frame(chromium, apus, "late", "latecomer") < 1.0


async def test_the_viewer_moves_on_when_a_publisher_leaves(apus, chromium, closing):
    """A viewer of the room (no identity named) watches whoever has published longest, and the next when they leave."""
    first = await Publisher().start(f"{apus.url}/whip/stage", token("stage", "first"))
    closing(await chromium.publish(apus, "stage", identity="second"))
    viewer = closing(await chromium.watch(apus, "stage"))
    await viewer.decoding(frames=10)
    assert (await viewer.stats())["video"]["frameWidth"] == 320  # aiortc's picture
    await first.stop()

    async def moved_on():
        return (await viewer.stats())["video"]["frameWidth"] > 320

    await until(moved_on, "the viewer sees the second publisher", 10)
    before, after, seconds = await viewer.window(3)
    assert (after["video"]["framesDecoded"] - before["video"]["framesDecoded"]) / seconds > 10
    await viewer.picture_lives()


@pytest.mark.parametrize(("identity", "width"), [("first", 320), ("second", 160)])
async def test_a_viewer_of_one_identity_sees_that_one(apus, closing, identity, width):
    closing(await Publisher().start(f"{apus.url}/whip/two", token("two", "first"), width=320))
    closing(await Publisher().start(f"{apus.url}/whip/two", token("two", "second"), width=160))
    viewer = closing(await Viewer().start(f"{apus.url}/whep/two/{identity}", token("two", "viewer")))
    await until(lambda: viewer.frames >= 5, f"frames of {identity} arrive", 15)
    assert viewer.width == width


@pytest.mark.long
@pytest.mark.timeout(120)
async def test_a_viewer_that_vanishes_is_forgotten(apus, chromium, closing):
    """No DELETE, no more checks: consent runs out (RFC 7675), and the session goes within 40 s. The publisher's stays."""
    publisher = closing(await chromium.publish(apus, "vanish"))
    viewer = await ViewerProcess().start(f"{apus.url}/whep/vanish", token("vanish", "viewer"))
    assert await apus.metric("apus_http_sessions") == 2
    await viewer.stop()

    async def forgotten():
        return await apus.metric("apus_http_sessions") == 1 and await apus.metric("apus_transports") == 1

    await until(forgotten, "the vanished viewer's session is gone", 40, every=1)
    before, after, _ = await publisher.window(1)
    assert after["sent"]["bytesSent"] > before["sent"]["bytesSent"]
