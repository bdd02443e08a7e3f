"""Each codec from each browser, with and without layers, to whoever decodes it; and what the others are told."""

import pytest

from clients.codecs import LACKS, VIDEO, abilities, can
from clients.joining import first_frame
from clients.rtc import Viewer
from clients.tokens import token
from clients.waiting import until

BROWSERS = ("chromium", "firefox")
ABLE = [(browser, codec) for browser in BROWSERS for codec in VIDEO if can(browser, codec)]
UNABLE = [(browser, codec) for browser in BROWSERS for codec in VIDEO if not can(browser, codec)]
# VP8 between all pairs, and its layers, are the subject of test_browsers.py.
SINGLE = [(browser, codec) for browser, codec in ABLE if codec != "VP8"]
LAYERED = [(browser, codec) for browser, codec in ABLE if (browser, codec) != ("chromium", "VP8")]

each = pytest.mark.parametrize("name", BROWSERS)


def browsers(*cases):
    return pytest.mark.parametrize(("name", "codec"), cases, ids=[f"{codec} {name}" for name, codec in cases])


@pytest.fixture
def browser(chromium, firefox):
    return {"chromium": chromium, "firefox": firefox}


@each
async def test_a_browser_can_what_the_table_says(apus, browser, closing, name):
    page = closing(await browser[name].open(apus.url + "/healthz"))
    sends, receives = await abilities(page)
    assert sends == receives == set(VIDEO) - set(LACKS[name])


@browsers(*SINGLE)
async def test_a_codec_reaches_every_browser(apus, browser, closing, name, codec):
    """It arrives as that codec, is decoded without a pause, and is seen; who cannot decode it reads why; who comes later need not wait."""
    publisher = closing(await browser[name].publish(apus, "codec", codec=codec))
    for other in BROWSERS:
        viewer = closing(await browser[other].watch(apus, "codec", identity=other))
        if not can(other, codec):
            error = await until(viewer.error, f"{other} says why there is no picture", 10)
            assert f"The video is {codec}" in error and "does not receive" in error, error
            continue
        await viewer.decoding(frames=10, timeout=15)
        await flows(viewer)
        await viewer.picture_lives()
        assert (await viewer.stats())["video"]["codec"] == f"video/{codec}"
    assert (await publisher.stats())["sent"]["codec"] == f"video/{codec}"

    # Encoders make no keyframe of their own accord for minutes. A stall of the machine may spoil one attempt, a stall of the server spoils all.
    asked = (await publisher.stats())["sent"]["pliCount"]
    waits = []
    for attempt in range(3):
        waits.append(await first_frame(browser["chromium"], apus, "codec", f"late {attempt}"))
        if waits[-1] < 1.5:
            break
    assert min(waits) < 1.5, f"the first picture came after {waits} s"
    assert (await publisher.stats())["sent"]["pliCount"] > asked


async def flows(viewer, rate=10):
    """Frames are decoded, more than `rate` a second, for two seconds in one of three."""
    counts = []
    for _ in range(3):
        before, after, seconds = await viewer.window(2)
        counts.append((after["video"]["framesDecoded"] - before["video"]["framesDecoded"]) / seconds)
        if counts[-1] > rate:
            return
    raise AssertionError(f"decoded a second: {counts}")


@browsers(*LAYERED)
async def test_layers_of_a_codec(apus, browser, closing, name, codec):
    """The viewer gets the best layer, the next one when that stops, and the best again when it comes back."""
    publisher = closing(await browser[name].publish(apus, "layers", codec=codec, simulcast=1))
    viewer = closing(await browser["chromium"].watch(apus, "layers"))
    await viewer.decoding(timeout=15)

    async def layers():
        return {layer["rid"]: layer for layer in (await publisher.stats())["sent"]["layers"]}

    async def sees(rid):
        """The width of that layer, whatever the browser makes of what was asked (Firefox may send VP9 thrice alike), and that it goes on."""
        since = None

        async def check():
            nonlocal since
            video, sent = (await viewer.stats())["video"], await layers()
            if not sent[rid]["width"] or video["frameWidth"] != sent[rid]["width"] or video["codec"] != f"video/{codec}":
                since = None
                return False
            since = video["framesDecoded"] if since is None else since
            return video["framesDecoded"] >= since + 10

        try:
            await until(check, f"the viewer sees {rid} of {codec}", 30, every=0.25)
        except AssertionError as error:
            raise AssertionError(f"{error}; sent: {await layers()}, seen: {(await viewer.stats())['video']}") from None

    async def all_are_sent():
        return len(sent := await layers()) == 3 and all(layer["frames"] for layer in sent.values())

    # The publisher's own bandwidth estimate decides when its upper layers start.
    await until(all_are_sent, "three layers are sent", 30)
    await sees("f")
    for active, best in ({"q": True, "h": True, "f": False}, "h"), ({"q": True, "h": False, "f": False}, "q"), ({"q": True, "h": True, "f": True}, "f"):
        await publisher.run(f"bench.layers({active_text(active)})")
        await sees(best)
    await flows(viewer)
    await viewer.picture_lives()


def active_text(layers):
    return "{" + ", ".join(f"{rid}: {str(active).lower()}" for rid, active in layers.items()) + "}"


@browsers(*UNABLE)
async def test_a_browser_without_the_codec_says_so(apus, browser, closing, name, codec):
    """It publishes nothing rather than something else, and the person reads why."""
    with pytest.raises(AssertionError, match=f"This browser does not have the codec {codec}"):
        closing(await browser[name].publish(apus, "none", codec=codec))
    assert await apus.metric("apus_tracks") == 0


@pytest.mark.parametrize("codec", ["VP9", "AV1"])
async def test_aiortc_is_refused_what_it_does_not_decode(apus, chromium, closing, codec):
    """aiortc has VP8 and H264: 422 and a sentence that names the codec, and nothing stays behind."""
    closing(await chromium.publish(apus, "refused", codec=codec))
    with pytest.raises(AssertionError, match=f"422: The video is {codec} profile 0, which the offer does not receive"):
        await closing(Viewer()).start(f"{apus.url}/whep/refused", token("refused", "viewer"))
    await until(lambda: only_the_publisher(apus), "only the publisher is left", 5)


async def only_the_publisher(apus):
    return await apus.metric("apus_http_sessions") == 1 and await apus.metric("apus_transports") == 1


async def test_a_viewer_may_ask_for_one_codec_only(apus, chromium, closing):
    """A page told to take VP9 does not get a black picture of VP8, but a sentence; the sound alone can be had."""
    closing(await chromium.publish(apus, "strict", codec="VP8"))
    picky = closing(await chromium.watch(apus, "strict", identity="picky", codec="VP9"))
    error = await until(picky.error, "the page says why there is no picture", 10)
    assert "The video is VP8, which the offer does not receive." in error
    listener = closing(await chromium.watch(apus, "strict", identity="listener", video=0))
    await listener.connected()
    before, after, _ = await listener.window(1)
    assert after["audio"]["bytesReceived"] > before["audio"]["bytesReceived"]
