"""What LiveKit's SDK is told beside media: that somebody listens, how many are there, who is an agent; and who may have what."""

import asyncio

import pytest

from clients.livekit_process import VERSIONS
from clients.tokens import token
from clients.waiting import until

BOTH = pytest.mark.parametrize("version", VERSIONS)


@BOTH
async def test_a_room_in_which_an_agent_waits_to_be_heard(apus, sdk, version):
    """It is known as one, speaks when somebody gets its track and not before, and both know how many they are."""
    alice, agent = await sdk("alice", "agent")
    await agent.join(apus, "told", version, access_token=token("told", "agent", kind="agent", canPublishData=True))
    assert await agent.call("may_publish_data") is False  # it would not pass
    await agent.call("publish_tone", frequency=440)
    listened = asyncio.ensure_future(agent.call("subscribed_by_somebody", name="microphone"))
    await until(lambda: told(agent, [1, 1]), "the agent knows that it is alone", 5)
    assert not listened.done()
    others = (await alice.join(apus, "told", version))["others"]
    assert others["agent"]["kind"] == "agent"
    await asyncio.wait_for(listened, 5)
    assert (await agent.call("others"))["alice"]["kind"] == "standard"
    await asyncio.gather(*(until(lambda: told(peer, [2, 1]), f"{peer.identity} knows who is there", 5) for peer in (alice, agent)))


async def told(peer, numbers):
    return await peer.call("numbers") == numbers


@BOTH
async def test_who_is_not_permitted_hears_nothing(apus, sdk, version):
    """Of two who listen one is shut out, and let in again."""
    alice, bob, carol = await sdk("alice", "bob", "carol")
    await alice.join(apus, "private", version)
    await alice.call("permit", identities=["carol"])
    await alice.call("publish_tone", frequency=440)
    await bob.join(apus, "private", version)
    await carol.join(apus, "private", version)
    await carol.hears("alice", 440)
    assert await bob.call("heard", identity="alice") is None
    assert await apus.metric("apus_subscriptions") == 1
    await alice.call("permit_all")
    await bob.hears("alice", 440)
    await alice.call("permit", identities=["carol"])
    await bob.hears_nothing("alice")
    await carol.hears("alice", 440)
    assert await apus.metric("apus_subscriptions") == 1
