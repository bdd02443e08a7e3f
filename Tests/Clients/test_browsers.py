"""Two browsers and the server between them: what the viewer sees and hears."""

import pytest

from clients.waiting import until

PAIRS = [("chromium", "chromium"), ("chromium", "firefox"), ("firefox", "chromium")]


@pytest.mark.parametrize(("publisher_name", "viewer_name"), PAIRS, ids=[f"{a} to {b}" for a, b in PAIRS])
async def test_a_call_between_browsers(apus, chromium, firefox, closing, publisher_name, viewer_name):
    """Frames are decoded, the picture lives, sound arrives, ten seconds pass without a freeze, and SRTP is AES-GCM."""
    browsers = {"chromium": chromium, "firefox": firefox}
    publisher = closing(await browsers[publisher_name].publish(apus, "call"))
    viewer = closing(await browsers[viewer_name].watch(apus, "call"))
    await viewer.decoding(frames=1)

    # Two browsers share two cores with whatever else runs: a stall of the machine may spoil a window, a stall of the server spoils all.
    for _ in range(3):
        before, after, seconds = await viewer.window(10)
        frames = after["video"]["framesDecoded"] - before["video"]["framesDecoded"]
        assert frames / seconds > 10, f"{frames} frames in {seconds:.1f} s"
        assert after["audio"]["bytesReceived"] - before["audio"]["bytesReceived"] > 500 * seconds, after["audio"]
        if after["video"]["freezeCount"] == before["video"]["freezeCount"]:
            break
    else:
        raise AssertionError(f"no 10 s without a freeze: {after['video']}")
    await viewer.picture_lives()

    for page in (publisher, viewer):
        transport = (await page.stats())["transport"]
        assert "AEAD_AES_128_GCM" in transport["srtpCipher"], transport
        assert transport["dtlsState"] == "connected", transport


async def test_sound_is_heard(apus, chromium, firefox, closing):
    """Not only bytes: the viewer decodes a sound that is not silence."""
    closing(await chromium.publish(apus, "sound"))
    viewer = closing(await firefox.watch(apus, "sound"))
    await viewer.decoding()
    before, after, _ = await viewer.window(3)
    assert after["audio"]["totalAudioEnergy"] > before["audio"]["totalAudioEnergy"], after["audio"]


async def test_simulcast_gives_the_viewer_the_highest_layer(apus, chromium, closing):
    publisher = closing(await chromium.publish(apus, "layers", simulcast=1))
    viewer = closing(await chromium.watch(apus, "layers"))
    await viewer.decoding(timeout=15)

    async def widths():
        layers = (await publisher.stats())["sent"]["layers"]
        return sorted({layer["width"] for layer in layers if layer["frames"]}), (await viewer.stats())["video"]["frameWidth"]

    async def highest():
        sent, seen = await widths()
        return len(sent) >= 2 and seen == sent[-1]

    try:
        # The publisher's own bandwidth estimate decides when its upper layers start.
        await until(highest, "the viewer sees the publisher's highest layer", 30, every=0.5)
    except AssertionError as error:
        raise AssertionError(f"{error}; widths sent, seen: {await widths()}") from None
    before, after, seconds = await viewer.window(5)
    assert (after["video"]["framesDecoded"] - before["video"]["framesDecoded"]) / seconds > 10


async def test_a_publisher_without_sound(apus, chromium, closing):
    closing(await chromium.publish(apus, "mute", audio=0))
    viewer = closing(await chromium.watch(apus, "mute"))
    await viewer.decoding(frames=30)
    await viewer.picture_lives()
