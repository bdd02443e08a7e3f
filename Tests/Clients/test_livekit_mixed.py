"""LiveKit's SDK in one room with WHIP publishers and WHEP viewers: browsers, and aiortc."""

import asyncio

import pytest

from clients.ffmpeg_whip import FFmpegPublisher
from clients.guest import make_room, room_of
from clients.livekit_process import VERSIONS
from clients.rtc import Publisher, Viewer
from clients.tokens import token
from clients.waiting import until

BOTH = pytest.mark.parametrize("version", VERSIONS)
# A page that is closed and an encoder that is killed leave their sessions behind.
BRIEF_DRAIN = pytest.mark.serve("--drain-timeout", "1s")
ORANGE = (220, 120, 40)


@BOTH
async def test_a_whip_publisher_is_a_participant(apus, sdk, closing, version):
    """It comes, is seen and heard, and goes, for those who were there and for those who come later."""
    alice, bob = await sdk("alice", "bob")
    await alice.join(apus, "mixed", version)
    publisher = await Publisher().start(f"{apus.url}/whip/mixed", token("mixed", "studio", canSubscribe=False))
    await alice.event("participant_connected", identity="studio")
    await asyncio.gather(alice.hears("studio", 440), alice.sees("studio", size=(320, 180)))
    entered = await bob.join(apus, "mixed", version)
    assert set(entered["others"]) == {"alice", "studio"}
    await asyncio.gather(bob.hears("studio", 440), bob.sees("studio", size=(320, 180)))
    await publisher.stop()
    for peer in (alice, bob):
        await peer.event("participant_disconnected", identity="studio")


@BRIEF_DRAIN
@BOTH
async def test_h264_from_ffmpeg_is_seen_and_heard(apus, sdk, closing, version):
    """What broadcast software sends: H264, and stereo Opus."""
    alice = await sdk("alice")
    await alice.join(apus, "studio", version)
    closing(await FFmpegPublisher(f"{apus.url}/whip/studio", token("studio", "encoder")).start())
    await asyncio.gather(alice.hears("encoder", 440, timeout=15), alice.sees("encoder", size=(640, 360), more=15, timeout=15))


@BRIEF_DRAIN
async def test_a_browser_and_both_kinds_of_sdk(apus, sdk, chromium, closing):
    """A browser publishes by WHIP; v1 and v0 see it and hear each other. A browser watches one of them by WHEP."""
    alice, bob = await sdk("alice", "bob")
    closing(await chromium.publish(apus, "all", identity="browser"))
    await alice.join(apus, "all", "v1")
    await bob.join(apus, "all", "v0")
    await alice.call("publish_tone", frequency=440)
    await bob.call("publish_tone", frequency=660)
    await bob.call("publish_video", colour=ORANGE, width=640, height=360)
    await asyncio.gather(alice.sees("browser"), bob.sees("browser"), alice.sees("bob", size=(640, 360), colour=ORANGE))
    await asyncio.gather(alice.hears("bob", 660), bob.hears("alice", 440))

    viewer = closing(await chromium.open(apus.url + "/healthz"))
    await viewer.run(f"bench.session.start('whep', 'all/bob', {token('all', 'viewer')!r})")
    await viewer.decoding(frames=10, timeout=15)
    before, after, _ = await viewer.window(1)
    assert after["audio"]["bytesReceived"] > before["audio"]["bytesReceived"]
    red, green, blue = await viewer.run(LOOK)
    assert all(abs(a - b) <= 20 for a, b in zip((red, green, blue), ORANGE)), (red, green, blue)


async def publish_before_watching(peer):
    """A tone of 440 Hz and an orange picture, before anyone else sends pictures.

    With v1, the SDK (1.2.1) writes a start bitrate into all video sections of the offer that brings its own picture. Its libwebrtc makes every video
    receiver anew for that; a packet that comes in this instant is taken for a new stream's, whose sink, none, replaces the receiver's. It then decodes to
    the end of the call and shows nothing. (Its log: "Receive stream for SSRC … already exists", "SetSink: ssrc:… nullptr".)
    """
    await peer.call("publish_tone", frequency=440)
    await peer.call("publish_video", colour=ORANGE, width=640, height=360)

    async def offered():
        return (await peer.call("sent", name="camera"))["layers"]

    await until(offered, f"{peer.identity} has applied the offer that brings its picture", 10)


LOOK = """(() => {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  context.drawImage(document.querySelector('[data-testid=video]'), 0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
})()"""


@BRIEF_DRAIN
@BOTH
async def test_a_page_an_sdk_and_a_whip_publisher_meet(apus, guests, sdk, version):
    """A guest of the web app, an SDK's user and an encoder in one room: who can see and hear, sees and hears the two others."""
    link = await make_room(apus)
    room = room_of(link)
    ada, alice = await guests.chromium(speaks=True), await sdk("alice")
    await alice.join(apus, room, version)
    await publish_before_watching(alice)
    publisher = await Publisher().start(f"{apus.url}/whip/{room}", token(room, "studio"))
    await ada.join(link, "Ada")
    await asyncio.gather(alice.sees("studio", size=(320, 180)), alice.hears("studio", 440), alice.sees(ada.identity))
    await until(lambda: lit(ada, {ada.identity, "alice", "studio"}), "the page shows all three pictures", 20)
    await ada.hears(2)
    await publisher.stop()
    await alice.event("participant_disconnected", identity="studio")
    await until(lambda: lit(ada, {ada.identity, "alice"}), "the page shows the two who are left", 10)


async def lit(guest, identities):
    """Whether the page has a tile for each of these and no other, and none is black. (The SDK's picture is of one colour and stands still.)"""
    pictures = await guest.ask("probe.pictures()")
    return set(pictures) == identities and all(picture and max(picture) > 40 for picture in pictures.values())


@BOTH
async def test_whep_viewers_are_hidden_and_share_an_identity(apus, sdk, closing, version):
    """Two viewers of one identity, even that of a participant: both see and hear, and nobody in the room is told or displaced."""
    alice, bob = await sdk("alice", "bob")
    await bob.join(apus, "watched", version)
    await alice.join(apus, "watched", version)
    await bob.event("participant_connected", identity="alice")
    await alice.call("publish_tone", frequency=440)
    await alice.call("publish_video", colour=ORANGE, width=320, height=180)
    await asyncio.gather(bob.hears("alice", 440), bob.sees("alice", size=(320, 180)))
    url = f"{apus.url}/whep/watched/alice"
    viewers = [closing(await Viewer().start(url, token("watched", identity))) for identity in ("viewer", "viewer", "bob")]
    for viewer in viewers:
        await until(lambda: viewer.frames >= 5 and len(viewer.samples) >= 50, "frames and a second of sound arrive", 15)
        assert viewer.loudest_frequency() == pytest.approx(440, abs=5)
        assert viewer.width == 320
    assert set(await bob.call("others")) == {"alice"}
    assert set(await alice.call("others")) == {"bob"}
    for peer in (alice, bob):
        assert peer.count("participant_connected", identity="viewer") == 0
        assert peer.count("disconnected") == 0


# The web app's page at `/` joins such rooms too: its tests belong here, once it is on the branch.
