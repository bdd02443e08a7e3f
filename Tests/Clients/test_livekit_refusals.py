"""What LiveKit's SDK is refused, and that it says why, at once: never a hang."""

import asyncio

import pytest

from clients.livekit_process import VERSIONS, SDKError
from clients.tokens import token

BOTH = pytest.mark.parametrize("version", VERSIONS)
SOON = 5

NO_ENTRY = {
    "an unknown key": lambda: token("room", "alice", key="nobody"),
    "a wrong secret": lambda: token("room", "alice", secret="another secret"),
    "expired": lambda: token("room", "alice", expires_in=-120),
    "no roomJoin": lambda: token("room", "alice", roomJoin=False),
    "no identity": lambda: token("room", ""),
    "no room": lambda: token("", "alice"),
}


@BOTH
@pytest.mark.parametrize("why", NO_ENTRY)
async def test_no_entry_without_a_good_token(apus, sdk, version, why):
    alice = await sdk("alice")
    with pytest.raises(SDKError, match="ConnectError") as refused:
        await alice.join(apus, "room", version, access_token=NO_ENTRY[why](), timeout=SOON)
    assert len(str(refused.value).split()) >= 5, f"no sentence: {refused.value}"
    assert await apus.metric("apus_participants") == 0
    await alice.join(apus, "room", version, timeout=SOON)  # the same client, with a better token


@BOTH
@pytest.mark.serve("--max-participants", "2")
async def test_no_entry_to_a_full_room(apus, sdk, version):
    """The third is refused with a sentence, and comes in when there is a place; who is inside may come anew."""
    alice, bob, carol = await sdk("alice", "bob", "carol")
    await alice.join(apus, "full", version)
    await bob.join(apus, "full", version)
    with pytest.raises(SDKError, match="ConnectError.*full"):
        await carol.join(apus, "full", version, timeout=SOON)
    assert set(await alice.call("others")) == {"bob"}
    await carol.join(apus, "elsewhere", version, timeout=SOON)
    await carol.call("leave")
    await bob.call("leave")
    await alice.event("participant_disconnected", identity="bob")
    assert set((await carol.join(apus, "full", version, timeout=SOON))["others"]) == {"alice"}


PUBLISH = {
    "tone": {"do": "publish_tone", "frequency": 440},
    "video": {"do": "publish_video", "colour": (220, 120, 40), "width": 320, "height": 180},
}


async def test_who_may_not_publish_is_told(apus, sdk):
    """The SDK's own error, though late: it does not heed the server's answer (test_signalling.py) and waits 10 s. What is allowed goes on."""
    host, guest, singer, painter = await sdk("host", "guest", "singer", "painter")
    await host.join(apus, "quiet")
    await host.call("publish_tone", frequency=660)

    async def publish(peer, kind, timeout=15):
        arguments = dict(PUBLISH[kind])
        return await peer.call(arguments.pop("do"), timeout, **arguments)

    async def refused(peer, kind):
        with pytest.raises(SDKError, match="PublishTrackError"):
            await publish(peer, kind)

    for peer, version, grants in (
        (guest, "v1", {"canPublish": False}),
        (singer, "v0", {"canPublishSources": ["microphone"]}),
        (painter, "v1", {"canPublishSources": ["camera"]}),
    ):
        await peer.join(apus, "quiet", version, access_token=token("quiet", peer.identity, **grants))
    waiting = [asyncio.ensure_future(refused(*one)) for one in ((guest, "tone"), (guest, "video"), (singer, "video"), (painter, "tone"))]
    await asyncio.gather(publish(singer, "tone"), publish(painter, "video"))
    await asyncio.gather(host.hears("singer", 440), host.sees("painter", size=(320, 180)), guest.hears("host", 660))
    await asyncio.gather(*waiting)
    assert await apus.metric("apus_tracks") == 3
    assert host.count("track_published") == 2
    await asyncio.gather(host.hears("singer", 440), host.sees("painter", size=(320, 180)), guest.hears("host", 660))


@BOTH
async def test_who_may_not_subscribe_gets_nothing(apus, sdk, version):
    alice, bob = await sdk("alice", "bob")
    await bob.join(apus, "deaf", version)
    await alice.join(apus, "deaf", version, access_token=token("deaf", "alice", canSubscribe=False))
    await bob.call("publish_tone", frequency=660)
    await alice.call("publish_tone", frequency=440)
    await bob.hears("alice", 440)
    assert await apus.metric("apus_subscriptions") == 1
    assert alice.count("track_subscribed") == 0
