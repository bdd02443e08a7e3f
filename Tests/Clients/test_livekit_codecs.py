"""Each codec in rooms: from LiveKit's SDK with its layers, and what those are told who do not decode it."""

import asyncio

import pytest

from clients.codecs import can
from clients.ffmpeg_whip import FFmpegPublisher
from clients.guest import make_room, room_of
from clients.livekit_process import VERSIONS
from clients.narrow import Narrowed
from clients.tokens import token
from clients.waiting import until

ORANGE, BLUE = (220, 120, 40), (40, 90, 200)
BOTH = pytest.mark.parametrize("version", VERSIONS)


@BOTH
async def test_each_codec(apus, sdk, version):
    """H264 in three layers, of which the one comes that is asked for; VP9 and AV1 as the SDK sends them, in one stream."""
    alice, bob = await sdk("alice", "bob")
    await alice.join(apus, "codecs", version)
    await bob.join(apus, "codecs", version)
    for codec, colour, layers in (("H264", ORANGE, 3), ("VP9", BLUE, 1), ("AV1", ORANGE, 1)):
        await alice.call("publish_video", colour=colour, width=1280, height=720, codec=codec)
        await bob.event("track_subscribed", identity="alice", name="camera")
        await bob.sees("alice", size=(1280, 720), colour=colour, timeout=15)
        for quality, size in (("low", (320, 180)), ("high", (1280, 720))) if layers > 1 else ():
            await bob.call("quality", identity="alice", name="camera", quality=quality)
            await bob.sees("alice", size=size, colour=colour)
        sent = await alice.call("sent", name="camera")
        assert sent["codec"] == f"video/{codec}" and len(sent["layers"]) == layers, sent
        assert (await bob.call("received", identity="alice", name="camera"))["codec"] == f"video/{codec}"
        await alice.call("unpublish", name="camera")
        await bob.event("track_unsubscribed", identity="alice")


async def test_layers_inside_one_stream_are_forwarded_whole(apus, sdk):
    """L3T3_KEY, three sizes and three rates in one stream: whoever decodes it sees the largest, also who comes late."""
    alice, bob, carol = await sdk("alice", "bob", "carol")
    await alice.join(apus, "svc")
    await bob.join(apus, "svc")
    for codec, colour in (("VP9", ORANGE), ("AV1", BLUE)):
        await alice.call("publish_video", colour=colour, width=1280, height=720, codec=codec, scalability="L3T3_KEY")
        await bob.sees("alice", size=(1280, 720), colour=colour, timeout=15)
        await carol.join(apus, "svc")
        await carol.sees("alice", size=(1280, 720), colour=colour, timeout=15)
        # The SDK does not tell the mode; the encoder counts a frame for each of its three sizes, the decoder one for all.
        ((_, _, encoded),) = (await alice.call("sent", name="camera"))["layers"]
        decoded = (await bob.call("received", identity="alice", name="camera"))["frames"]
        assert encoded > 2 * decoded, (codec, encoded, decoded)
        await carol.call("leave")
        await alice.call("unpublish", name="camera")


async def test_an_sdk_is_told_what_it_cannot_decode(apus, sdk, closing):
    """SE_CODEC_UNSUPPORTED for the one track (the SDK raises no event of it), and all else arrives: the sound, a picture in another codec."""
    narrowed = closing(await Narrowed(apus, "AV1").start())
    alice, bob = await sdk("alice", "bob")
    await alice.join(apus, "narrow", "v0")
    await bob.join(narrowed, "narrow", "v0")
    await alice.call("publish_tone", frequency=440)
    sid = await alice.call("publish_video", colour=ORANGE, width=640, height=360, codec="AV1", name="first")
    await until(lambda: told(narrowed, sid), "the client is told of the track", 10)
    await bob.hears("alice", 440)
    assert (await bob.call("seen", identity="alice"))["frames"] == 0
    await alice.call("publish_video", colour=BLUE, width=640, height=360, codec="VP8", name="second")
    await asyncio.gather(bob.sees("alice", size=(640, 360), colour=BLUE), bob.hears("alice", 440))
    assert narrowed.refused == [sid], "it was told of one track, once"


async def told(narrowed, sid):
    return narrowed.refused == [sid]


@pytest.mark.serve("--drain-timeout", "1s")
async def test_a_page_says_what_its_browser_cannot_decode(apus, guests, sdk, closing):
    """H264 from an encoder: Chromium shows it, Firefox has a sentence on the tile, hears the sound, and sees whoever sends VP8."""
    assert can("chromium", "H264") and not can("firefox", "H264")
    link = await make_room(apus)
    room = room_of(link)
    ada, bert = await guests.chromium(), await guests.firefox()
    closing(await FFmpegPublisher(f"{apus.url}/whip/{room}", token(room, "encoder")).start())
    alice = await sdk("alice")
    await alice.join(apus, room)
    await alice.call("publish_video", colour=ORANGE, width=640, height=360)
    await asyncio.gather(ada.join(link, "Ada"), bert.join(link, "Bert"))
    await until(lambda: lit(ada, "encoder", "alice", bert.identity), "Chromium shows all pictures", 20)
    await until(lambda: lit(bert, "alice", ada.identity), "Firefox shows what is VP8", 20)
    await until(lambda: says_nothing(ada), "Chromium has nothing to say once the way is known", 20)
    assert await sentences(bert) == {"encoder": "This browser can’t show H264 video."}
    assert not await lit(bert, "encoder")
    await bert.hears(1)


async def lit(guest, *identities):
    pictures = await guest.ask("probe.pictures()")
    return all(pictures.get(identity) and max(pictures[identity]) > 40 for identity in identities)


async def says_nothing(guest):
    return await sentences(guest) == {}


async def sentences(guest):
    """By identity, what stands on a tile instead of a picture."""
    return await guest.ask(
        "Object.fromEntries([...document.querySelectorAll('[data-testid=unseen]:not([hidden])')]"
        ".map(words => [words.closest('[data-identity]').dataset.identity, words.textContent]))"
    )
