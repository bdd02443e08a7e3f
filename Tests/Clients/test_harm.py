"""Clients that cease to read, beside a running call: nobody else notices."""

import asyncio
import contextlib
import json
import signal

import websockets

from clients.apus import BINARY, run_apus
from clients.signalling import signalling, socket_url
from clients.tcp_viewer import TCPViewer, unread
from clients.tokens import token
from clients.waiting import until

ROOM = "harmed"
WATCHING, VANISHING = 50, 20


async def call(apus, duration):
    """One publishes and fifty watch, for so many seconds: the report of `apus load`."""
    status, out, err = await run_apus(
        "load", "--dev", "--url", apus.url, "--room", ROOM, "--subscribers", str(WATCHING), "--verify", "2", "--duration", f"{duration}s",
        "--json", "-", "--min-delivery", "1", "--max-freeze", "0.5", timeout=60,
    )  # fmt: skip
    assert status == 0, err
    return json.loads(out)


async def connected(apus, count):
    await until(lambda: enough(apus, count), f"{count} are connected", timeout=20)


async def enough(apus, count):
    return await apus.metric("apus_transports") >= count


async def vanished(apus, stack):
    """Subscribers whose process is stopped: what is sent to them fills their sockets."""
    before = await apus.metric("apus_transports")
    process = await asyncio.create_subprocess_exec(
        str(BINARY), "load", "--dev", "--url", apus.url, "--room", ROOM, "--publishers", "0", "--subscribers", str(VANISHING), "--duration", "1m",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    stack.push_async_callback(process.wait)
    stack.callback(process.kill)
    await connected(apus, before + VANISHING)
    process.send_signal(signal.SIGSTOP)


async def mute(apus, stack):
    """A signalling socket that takes nothing, and somebody of whom there is news all the time."""
    silent = await stack.enter_async_context(signalling(apus, ROOM, "silent", json=1))
    await silent.next("join")
    silent.socket.transport.pause_reading()
    stack.callback(silent.socket.transport.abort)
    url = socket_url(apus, access_token=token(ROOM, "talker", canUpdateOwnMetadata=True), json=1)
    talker = await stack.enter_async_context(websockets.connect(url, max_size=None))

    async def talk():
        for number in range(1_000):
            await talker.send(json.dumps({"updateMetadata": {"metadata": f"{number}" + "m" * 16_000}}))
            await talker.recv()

    stack.callback(asyncio.create_task(talk()).cancel)
    return silent.socket.transport


async def test_who_ceases_to_read_harms_nobody(apus):
    """By TCP, on the signalling socket, and by UDP with a process that has stopped: the fifty others lose nothing and wait no longer."""
    calm = await call(apus, 3)
    running = asyncio.create_task(call(apus, 9))
    await connected(apus, WATCHING + 1)
    memory = apus.resident_bytes()
    async with contextlib.AsyncExitStack() as stack:
        stalled = await TCPViewer().join(apus, ROOM, "stalled")
        stack.push_async_callback(stalled.close)
        silent = await mute(apus, stack)
        await vanished(apus, stack)
        harmed = await running
        assert unread(stalled.writer.transport) > 0 and unread(silent) > 0, "much was sent to them"
        assert apus.resident_bytes() - memory < 100_000_000
    assert harmed["delivery_worst"] == 1 and harmed["verified"]["faults"] == []
    assert harmed["delay_ms"]["p99"] < 2 * calm["delay_ms"]["p99"] + 50, calm["delay_ms"]
