"""Coming back: the same identity a second time, and a server that was gone."""

import asyncio
import signal
import time

import pytest

from clients.livekit_process import VERSIONS

ORANGE = (220, 120, 40)


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_same_identity_takes_over(apus, sdk, version):
    """The old client is told why; the others see one leave and one come."""
    alice, bob, again = await sdk("alice", "bob", "alice")
    first = await alice.join(apus, "twice", version)
    await alice.call("publish_tone", frequency=440)
    await bob.join(apus, "twice", version)
    await bob.hears("alice", 440)
    second = await again.join(apus, "twice", version)
    assert second["sid"] != first["sid"] and set(second["others"]) == {"bob"}
    await alice.event("disconnected", reason="DUPLICATE_IDENTITY")
    await bob.event("participant_disconnected", identity="alice", sid=first["sid"])
    await bob.event("participant_connected", identity="alice", sid=second["sid"])
    await again.call("publish_tone", frequency=660)
    await bob.hears("alice", 660)
    await again.call("leave")
    await bob.event("participant_disconnected", identity="alice", sid=second["sid"])
    assert bob.count("participant_connected") == 0 and bob.count("participant_disconnected") == 0


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.serve("--drain-timeout", "1s")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
async def test_clients_come_back_to_a_server_that_was_restarted(apus, sdk, version, number):
    """Nobody touches the clients: they join again, publish again, and hear each other again."""
    alice, bob = await sdk("alice", "bob")
    for peer, frequency in ((alice, 440), (bob, 660)):
        await peer.join(apus, "restart", version)
        await peer.call("publish_tone", frequency=frequency)
    await alice.call("publish_video", colour=ORANGE, width=640, height=360)
    await asyncio.gather(alice.hears("bob", 660), bob.hears("alice", 440), bob.sees("alice", colour=ORANGE))

    apus.process.send_signal(number)
    await apus.process.wait()
    await apus._reader
    await apus.start()
    began = time.monotonic()
    await asyncio.gather(*(peer.event("reconnected", timeout=20) for peer in (alice, bob)))
    joined = time.monotonic() - began
    await asyncio.gather(alice.hears("bob", 660), bob.hears("alice", 440), bob.sees("alice", colour=ORANGE))
    print(f"after {number.name} and the start: {joined:.1f} s to the rooms, {time.monotonic() - began:.1f} s to media")
    assert set(await alice.call("others")) == {"bob"} and set(await bob.call("others")) == {"alice"}
