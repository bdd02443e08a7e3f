"""Rooms with LiveKit's Python SDK, unmodified: over one peer connection (v1, /rtc/v1) and over two (v0, /rtc)."""

import asyncio

import pytest

from clients.livekit_process import VERSIONS
from clients.tokens import token
from clients.waiting import until

ORANGE, BLUE = (220, 120, 40), (40, 90, 200)
BOTH = pytest.mark.parametrize("version", VERSIONS)


async def enter(server, room, version, *peers, **options):
    """One after the other, as people do."""
    for peer in peers:
        await peer.join(server, room, version, **options)


@BOTH
async def test_a_tone_and_a_picture_reach_the_other(apus, sdk, version):
    """440 Hz and VP8 in three layers; the layer that is asked for is the one that comes."""
    alice, bob = await sdk("alice", "bob")
    await enter(apus, "pair", version, alice, bob)
    await alice.event("participant_connected", identity="bob")
    await alice.call("publish_tone", frequency=440)
    await alice.call("publish_video", colour=ORANGE, width=1280, height=720)
    await bob.event("track_subscribed", identity="alice", name="microphone")
    await bob.event("track_subscribed", identity="alice", name="camera")
    await asyncio.gather(bob.hears("alice", 440), bob.sees("alice", size=(1280, 720), colour=ORANGE, timeout=15))
    await bob.event("active_speakers_changed", speakers=["alice"])

    for quality, size in (("low", (320, 180)), ("medium", (640, 360)), ("high", (1280, 720))):
        await bob.call("quality", identity="alice", name="camera", quality=quality)
        await bob.sees("alice", size=size, colour=ORANGE)


@BOTH
async def test_muting_and_publishing_again(apus, sdk, version):
    """Unmuting, publishing again (in the same section of the SDP) and joining again: others hear of each, and media follows."""
    alice, bob = await sdk("alice", "bob")
    await enter(apus, "pair", version, alice, bob)
    await alice.call("publish_tone", frequency=440)
    first = await alice.call("publish_video", colour=ORANGE, width=640, height=360)
    await asyncio.gather(bob.hears("alice", 440), bob.sees("alice", size=(640, 360), colour=ORANGE))

    await alice.call("mute", name="microphone")
    await bob.event("track_muted", identity="alice", name="microphone")
    await bob.hears_nothing("alice")
    await alice.call("unmute", name="microphone")
    await bob.event("track_unmuted", identity="alice", name="microphone")
    await bob.hears("alice", 440)

    await alice.call("unpublish", name="camera")
    await bob.event("track_unpublished", identity="alice", sid=first)
    await alice.call("unpublish", name="microphone")
    await bob.event("track_unpublished", identity="alice", name="microphone")
    assert (await bob.call("others"))["alice"]["tracks"] == {}

    second = await alice.call("publish_video", colour=BLUE, width=640, height=360)
    assert second != first
    await alice.call("publish_tone", frequency=660)
    await asyncio.gather(bob.hears("alice", 660), bob.sees("alice", size=(640, 360), colour=BLUE))

    await alice.call("leave")
    await bob.event("participant_disconnected", identity="alice")
    assert await bob.call("others") == {}
    await alice.join(apus, "pair", version)
    await bob.event("participant_connected", identity="alice")
    await alice.call("publish_tone", frequency=880)
    await alice.call("publish_video", colour=ORANGE, width=640, height=360)
    await asyncio.gather(bob.hears("alice", 880), bob.sees("alice", size=(640, 360), colour=ORANGE))


async def test_three_hear_each_other(apus, sdk):
    """v1 and v0 in one room, each with a tone of its own; who joins late hears those who sing already."""
    peers = alice, bob, carol = await sdk("alice", "bob", "carol")
    tones = {alice: 440, bob: 660, carol: 880}
    await alice.join(apus, "choir", "v1")
    await bob.join(apus, "choir", "v0")
    for peer in (alice, bob):
        await peer.call("publish_tone", frequency=tones[peer])
    await asyncio.gather(alice.hears("bob", 660), bob.hears("alice", 440))
    entered = await carol.join(apus, "choir", "v1")
    assert set(entered["others"]) == {"alice", "bob"}
    await carol.call("publish_tone", frequency=tones[carol])
    await asyncio.gather(*(one.hears(other.identity, tones[other]) for one in peers for other in peers if one is not other))
    await carol.call("leave")
    await asyncio.gather(*(peer.event("participant_disconnected", identity="carol") for peer in (alice, bob)))
    await asyncio.gather(alice.hears("bob", 660), bob.hears("alice", 440))


@BOTH
async def test_nothing_comes_before_it_is_asked_for(apus, sdk, version):
    """auto_subscribe off: tracks are known and not sent; each begins and ends as the subscriber says."""
    alice, bob = await sdk("alice", "bob")
    await alice.join(apus, "choosy", version)
    await alice.call("publish_tone", frequency=440)
    await alice.call("publish_video", colour=ORANGE, width=640, height=360)
    entered = await bob.join(apus, "choosy", version, auto_subscribe=False)
    assert set(entered["others"]) == {"alice"}
    await until(lambda: knows(bob, "alice", {"microphone", "camera"}), "bob knows both tracks", 5)
    assert await apus.metric("apus_subscriptions") == 0

    await bob.call("subscribe", identity="alice", name="microphone", wanted=True)
    await bob.event("track_subscribed", identity="alice", name="microphone")
    await bob.hears("alice", 440)
    assert await bob.call("seen", identity="alice") is None
    await bob.call("subscribe", identity="alice", name="camera", wanted=True)
    await bob.sees("alice", size=(640, 360), colour=ORANGE)

    await bob.call("subscribe", identity="alice", name="microphone", wanted=False)
    await bob.event("track_unsubscribed", identity="alice", name="microphone")
    await until(lambda: subscriptions(apus, 1), "one subscription is left", 5)
    await bob.sees("alice", size=(640, 360), colour=ORANGE)
    await bob.call("subscribe", identity="alice", name="microphone", wanted=True)
    await bob.hears("alice", 440)


@BOTH
async def test_one_track_takes_the_place_of_another(apus, sdk, version):
    """One goes and another comes in the same breath: both changes reach one negotiation, and each is heard of."""
    alice, bob = await sdk("alice", "bob")
    await alice.join(apus, "turns", version)
    await alice.call("publish_tone", frequency=440, name="low")
    await alice.call("publish_tone", frequency=660, name="high")
    await bob.join(apus, "turns", version, auto_subscribe=False)
    await until(lambda: knows(bob, "alice", {"low", "high"}), "bob knows both tracks", 5)
    await bob.call("subscribe", identity="alice", name="low", wanted=True)
    await bob.hears("alice", 440)
    for before, after, frequency in (("low", "high", 660), ("high", "low", 440), ("low", "high", 660)):
        await bob.call("subscribe", identity="alice", name=before, wanted=False)
        await bob.call("subscribe", identity="alice", name=after, wanted=True)
        await bob.event("track_subscribed", identity="alice", name=after)
        await bob.hears("alice", frequency)


async def knows(peer, identity, names):
    return set((await peer.call("others"))[identity]["tracks"]) == names


async def subscriptions(apus, count):
    return await apus.metric("apus_subscriptions") == count


@BOTH
async def test_the_hidden_see_and_are_not_seen(apus, sdk, version):
    alice, ghost, bob = await sdk("alice", "ghost", "bob")
    await alice.join(apus, "haunted", version)
    await alice.call("publish_tone", frequency=440)
    entered = await ghost.join(apus, "haunted", version, access_token=token("haunted", "ghost", hidden=True))
    assert set(entered["others"]) == {"alice"}
    await ghost.hears("alice", 440)
    assert set((await bob.join(apus, "haunted", version))["others"]) == {"alice"}
    await alice.event("participant_connected", identity="bob")
    await ghost.event("participant_connected", identity="bob")
    await ghost.call("leave")
    await bob.call("leave")
    await alice.event("participant_disconnected", identity="bob")
    assert alice.count("participant_connected") == 0 and alice.count("participant_disconnected") == 0
    assert bob.count("participant_disconnected") == 0
