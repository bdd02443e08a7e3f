"""Peers that are no browser: FFmpeg's WHIP muxer, and aiortc in both roles."""

import pytest

from clients.ffmpeg_whip import FFmpegPublisher
from clients.rtc import Publisher, Viewer
from clients.tokens import token
from clients.waiting import until


async def test_ffmpeg_publishes_to_chromium(apus, chromium, closing):
    """H264 and Opus from FFmpeg's WHIP muxer are decoded in a browser."""
    closing(await FFmpegPublisher(f"{apus.url}/whip/ffmpeg", token("ffmpeg", "ffmpeg")).start())
    viewer = closing(await chromium.watch(apus, "ffmpeg"))
    await viewer.decoding(frames=30, timeout=15)
    assert (await viewer.stats())["video"]["codec"] == "video/H264"
    before, after, seconds = await viewer.window(5)
    assert (after["video"]["framesDecoded"] - before["video"]["framesDecoded"]) / seconds > 10, after["video"]
    assert after["audio"]["bytesReceived"] > before["audio"]["bytesReceived"]
    await viewer.picture_lives()


async def test_aiortc_publishes_to_chromium(apus, chromium, closing):
    closing(await Publisher().start(f"{apus.url}/whip/aiortc", token("aiortc", "aiortc")))
    viewer = closing(await chromium.watch(apus, "aiortc"))
    await viewer.decoding(frames=30, timeout=15)
    before, after, _ = await viewer.window(3)
    assert after["video"]["framesDecoded"] > before["video"]["framesDecoded"] + 20
    assert after["audio"]["bytesReceived"] > before["audio"]["bytesReceived"]
    await viewer.picture_lives()


async def test_chromium_publishes_to_aiortc(apus, chromium, closing):
    closing(await chromium.publish(apus, "aiortc"))
    viewer = closing(await Viewer().start(f"{apus.url}/whep/aiortc", token("aiortc", "viewer")))
    await until(lambda: viewer.frames >= 30, "aiortc decodes 30 frames", 20)
    assert max(viewer.brightness) > 20
    await until(lambda: len(viewer.samples) >= 50, "aiortc hears a second", 10)


async def test_a_tone_comes_through_as_it_was(apus, closing):
    """440 Hz in, 440 Hz out."""
    closing(await Publisher().start(f"{apus.url}/whip/tone", token("tone", "publisher")))
    viewer = closing(await Viewer().start(f"{apus.url}/whep/tone", token("tone", "viewer")))
    await until(lambda: len(viewer.samples) >= 100, "aiortc hears two seconds", 15)
    assert viewer.loudest_frequency() == pytest.approx(440, abs=5)


async def test_delete_ends_the_session(apus, closing):
    """DELETE answers 200 or 204, and nothing stays behind."""
    publisher = await Publisher().start(f"{apus.url}/whip/brief", token("brief", "publisher"))
    viewer = await Viewer().start(f"{apus.url}/whep/brief", token("brief", "viewer"))
    await until(lambda: viewer.frames >= 5, "frames arrive", 15)
    assert await viewer.stop() in (200, 204)
    assert await publisher.stop() in (200, 204)
    for name in ("apus_http_sessions", "apus_transports", "apus_participants", "apus_rooms"):
        await until(lambda: gone(apus, name), f"{name} is 0", 5)


async def gone(apus, name):
    return await apus.metric(name) == 0
