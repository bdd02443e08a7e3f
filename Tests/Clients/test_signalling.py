"""The room protocol on a bare WebSocket: what no SDK would send, and what no SDK shows."""

import asyncio
import contextlib
import gzip
import json

import aiohttp
import pytest
import websockets

from clients.signalling import socket_url, signalling, wrapped_join_request
from clients.tokens import token
from clients.waiting import until

PATHS = ["/rtc/v1", "/rtc"]


def participants(apus, count, timeout=5):
    async def check():
        return await apus.metric("apus_participants") == count

    return until(check, f"{count} participants", timeout)


@pytest.mark.parametrize("path", PATHS)
async def test_json_from_the_first_frame(apus, path):
    """`join` comes first and as text; replies then follow the client's last encoding, back and forth."""
    async with signalling(apus, "raw", "alice", path, json=1) as alice:
        join = await alice.next("join")
        assert len(alice.frames) == 1 and alice.last_is_text
        assert join["room"]["sid"].startswith("RM_") and join["room"]["name"] == "raw"
        assert join["participant"]["sid"].startswith("PA_") and join["participant"]["identity"] == "alice"
        assert join["pingInterval"] > 0 and join["pingTimeout"] > join["pingInterval"]
        await alice.send(ping="1234")
        assert int(await alice.next("pong")) > 1_600_000_000_000 and alice.last_is_text  # milliseconds
        await alice.send_binary(ping=1234)
        await alice.next("pong")
        assert not alice.last_is_text
        await alice.send(pingReq={"timestamp": "77"})
        assert (await alice.next("pongResp"))["lastPingTimestamp"] == "77" and alice.last_is_text


async def test_with_two_connections_the_server_offers_at_once(apus):
    """v0: nobody publishes yet, and SDKs wait for this offer all the same. v1: the client offers."""
    async with signalling(apus, "raw", "alice", "/rtc", json=1) as alice:
        assert (await alice.next("join"))["subscriberPrimary"] is True
        offer = await alice.next("offer")
        assert offer["type"] == "offer" and "a=ice-lite" in offer["sdp"] and "\r\nm=" in offer["sdp"]
    async with signalling(apus, "raw", "alice", json=1) as alice:
        assert not (await alice.next("join")).get("subscriberPrimary")


@pytest.mark.parametrize("path", PATHS)
async def test_binary_unless_asked_otherwise(apus, path):
    query = {"join_request": wrapped_join_request()} if path == "/rtc/v1" else {}
    async with signalling(apus, "raw", "alice", path, **query) as alice:
        join = await alice.next("join")
        assert len(alice.frames) == 1 and not alice.last_is_text
        assert join["participant"].identity == "alice"
        await alice.send_binary(ping=1234)
        await alice.next("pong")
        assert not alice.last_is_text


async def test_others_hear_of_who_comes_and_goes(apus):
    async with signalling(apus, "raw", "alice", json=1) as alice:
        await alice.next("join")
        async with signalling(apus, "raw", "bob", json=1) as bob:
            join = await bob.next("join")
            assert [other["identity"] for other in join["otherParticipants"]] == ["alice"]
            assert await told(alice, "bob") != "DISCONNECTED"
            await bob.send(leave={"reason": "CLIENT_INITIATED"})
            while await told(alice, "bob") != "DISCONNECTED":
                pass
        await participants(apus, 1)


async def told(socket, identity):
    """The state of `identity` in the next update that names it."""
    while True:
        for participant in (await socket.next("update"))["participants"]:
            if participant["identity"] == identity:
                return participant.get("state", "JOINING")


async def test_the_old_socket_of_an_identity_is_told_why_it_ends(apus):
    async with signalling(apus, "raw", "alice", json=1) as old:
        await old.next("join")
        async with signalling(apus, "raw", "alice", json=1) as new:
            await new.next("join")
            leave = await old.next("leave")
            assert leave["reason"] == "DUPLICATE_IDENTITY" and leave.get("action", "DISCONNECT") == "DISCONNECT"
            await asyncio.wait_for(old.socket.wait_closed(), 5)
            await new.send(ping="1")
            await new.next("pong")
    await participants(apus, 0)


async def test_what_may_not_be_published_is_refused_at_once(apus):
    url = socket_url(apus, access_token=token("raw", "alice", canPublishSources=["camera"]), json=1)
    async with websockets.connect(url) as socket:
        await socket.send(json.dumps({"addTrack": {"cid": "c1", "type": "AUDIO", "source": "MICROPHONE"}}))
        while "requestResponse" not in (message := json.loads(await asyncio.wait_for(socket.recv(), 5))):
            assert "trackPublished" not in message
        assert message["requestResponse"]["reason"] == "NOT_ALLOWED"
        assert len(message["requestResponse"]["message"].split()) > 3
        await socket.send(json.dumps({"addTrack": {"cid": "c2", "type": "VIDEO", "source": "CAMERA", "width": 640, "height": 360}}))
        while "trackPublished" not in (message := json.loads(await asyncio.wait_for(socket.recv(), 5))):
            pass
        assert message["trackPublished"]["cid"] == "c2" and message["trackPublished"]["track"]["sid"].startswith("TR_")


# At the door.

DOOR = {
    "a good token": (lambda: token("raw", "alice"), 200),
    "none": (lambda: None, 401),
    "not a token": (lambda: "nonsense", 401),
    "an unknown key": (lambda: token("raw", "alice", key="nobody"), 401),
    "a wrong secret": (lambda: token("raw", "alice", secret="another secret"), 401),
    "expired": (lambda: token("raw", "alice", expires_in=-120), 401),
    "no roomJoin": (lambda: token("raw", "alice", roomJoin=False), 401),
    "no identity": (lambda: token("raw", ""), 400),
    "no room": (lambda: token("", "alice"), 400),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("why", DOOR)
async def test_validate_says_what_the_upgrade_does(apus, path, why):
    """The same status and sentence from both, readable by a page of another origin; the token by header or by query."""
    access_token, status = DOOR[why][0](), DOOR[why][1]
    query = {"json": 1, **({"access_token": access_token} if access_token else {})}
    origin = {"Origin": "https://elsewhere.example"}
    async with aiohttp.ClientSession() as http:
        async with http.get(apus.url + path + "/validate", params=query, headers=origin) as response:
            assert response.status == status
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            body = await response.text()
        if access_token:
            bearer = {"Authorization": f"Bearer {access_token}"}
            async with http.get(apus.url + path + "/validate", params={"json": 1}, headers=bearer) as response:
                assert response.status == status
    if status == 200:
        assert body == "success"
        async with websockets.connect(socket_url(apus, path, **query)):
            return
    assert len(body.split()) >= 3, f"no sentence: {body!r}"
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(socket_url(apus, path, **query))
    assert refused.value.response.status_code == status
    assert refused.value.response.body.decode() == body


async def test_v1_needs_a_join_request_unless_it_speaks_json(apus):
    bomb = gzip.compress(bytes(8_000_000), mtime=0)
    before = apus.resident_bytes()
    for request in (None, "%%%", wrapped_join_request(1, b"no gzip"), wrapped_join_request(1, bomb), wrapped_join_request(7, b"x")):
        query = {"join_request": request} if request else {}
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(socket_url(apus, access_token=token("raw", "alice"), **query))
        assert refused.value.response.status_code == 400
        assert len(refused.value.response.body.split()) >= 3
    assert apus.resident_bytes() - before < 8_000_000


async def test_get_without_an_upgrade(apus):
    """404 on /rtc, which SDKs probe; under /rtc/v1 a 404 would tell them that there is no v1."""
    async with aiohttp.ClientSession() as http:
        for path, statuses in (("/rtc", [404]), ("/rtc/v1", [400, 426])):
            async with http.get(apus.url + path, params={"access_token": token("raw", "alice")}) as response:
                assert response.status in statuses, path


# Hostile clients. Alice is in the room meanwhile, and must not notice.

NONSENSE = {
    "no JSON": "}{",
    "JSON that is no message": "[1, 2, 3]",
    "numbers where there are messages": '{"offer": 7}',
    "binary garbage": bytes(range(256)),
    "a field that runs over the end": b"\x0a\xff\xff\xff\xff\x0f",
    "an empty frame": b"",
    "an empty text": "",
    "unknown members": '{"noSuchThing": {"a": [1, {"b": null}]}}',
    "unknown fields": b"\xba\x3e\x03abc",
    "an offer that is no SDP": '{"offer": {"type": "offer", "sdp": "hello", "id": 3}}',
    "an answer to no offer": '{"answer": {"type": "answer", "sdp": "v=0\\r\\n"}}',
    "a trickle that is no candidate": '{"trickle": {"candidateInit": "{", "target": "SUBSCRIBER"}}',
    "sids of nothing": '{"subscription": {"trackSids": ["TR_nothing", ""], "participantTracks": [{"participantSid": "PA_x"}]}}',
    "settings of nothing": '{"trackSetting": {"trackSids": ["TR_nothing"], "quality": 99, "width": 4294967295, "fps": 4294967295}}',
    "mute of nothing": '{"mute": {"sid": "TR_nothing", "muted": true}}',
    "a track of no kind": '{"addTrack": {"cid": "", "type": "DATA", "source": 77, "layers": [{}, {}, {}, {}, {}, {}, {}, {}]}}',
    "a sync of nothing": '{"syncState": {"offer": {"sdp": "x"}, "publishTracks": [{"cid": "a"}], "dataChannels": [{"id": 70000}]}}',
    "a simulation": '{"simulate": {"nodeFailure": true}}',
}


@pytest.mark.parametrize("path", PATHS)
async def test_nonsense_is_survived(apus, path):
    """Each alone, on a socket of its own, which goes on (an offer that can not be answered may end it, with a close frame that says why)."""
    async with signalling(apus, "raw", "alice", path, json=1) as alice:
        await alice.next("join")
        for what, frame in NONSENSE.items():
            async with signalling(apus, "raw", "mallory", path, json=1) as mallory:
                await mallory.next("join")
                await mallory.socket.send(frame)
                await mallory.send(ping="1")
                try:
                    await mallory.next("pong")
                except websockets.ConnectionClosed as closed:
                    assert "offer" in what and closed.rcvd is not None, f"{what}: {closed}"
                    assert closed.rcvd.code == 1008 and " was refused: " in closed.rcvd.reason
            await alice.send(ping="1")
            await alice.next("pong")
        await participants(apus, 1)


async def test_one_frame_too_many_bytes_ends_the_socket(apus):
    async with signalling(apus, "raw", "alice", json=1) as alice:
        await alice.next("join")
        for frame in ("x" * 1_100_000, b"\x0a" * 1_100_000):
            async with signalling(apus, "raw", "mallory", json=1) as mallory:
                await mallory.next("join")
                # The end may come while the rest is still being sent.
                with contextlib.suppress(websockets.ConnectionClosed):
                    await mallory.socket.send(frame)
                await asyncio.wait_for(mallory.socket.wait_closed(), 5)
        await alice.send(ping="1")
        await alice.next("pong")
        await participants(apus, 1)


async def test_a_flood_of_messages_ends_the_socket(apus):
    async with signalling(apus, "raw", "mallory", json=1) as mallory:
        await mallory.next("join")
        reading = asyncio.ensure_future(drained(mallory.socket))
        with pytest.raises(websockets.ConnectionClosed):
            for _ in range(20_000):
                await mallory.send(ping="1")
            await asyncio.wait_for(reading, 5)
        await participants(apus, 0)


async def test_who_never_reads_is_let_go_and_costs_little(apus):
    """Megabytes of updates meet a socket that takes none: what waits for it is bounded."""
    async with contextlib.AsyncExitStack() as stack:
        talkers = []
        for number in range(16):
            url = socket_url(apus, access_token=token("raw", f"talker{number}", canUpdateOwnMetadata=True), json=1)
            talkers.append(await stack.enter_async_context(websockets.connect(url, max_size=None)))
        mallory = await stack.enter_async_context(signalling(apus, "raw", "mallory", json=1))
        await mallory.next("join")
        mallory.socket.transport.pause_reading()
        before = apus.resident_bytes()
        reading = [asyncio.ensure_future(drained(talker)) for talker in talkers]
        try:
            # Changes that come quickly are told together, so how many it takes depends on the machine: they go on until he is gone.
            gone = asyncio.ensure_future(participants(apus, 16, timeout=120))
            number = 0
            while not gone.done():
                for talker in talkers:
                    await talker.send(json.dumps({"updateMetadata": {"metadata": f"{number}" + "m" * 16_000}}))
                number += 1
                await asyncio.wait([gone], timeout=0.05)
            await gone
            assert apus.resident_bytes() - before < 80_000_000
        finally:
            for task in reading:
                task.cancel()
            mallory.socket.transport.abort()


async def drained(socket):
    async for _ in socket:
        pass


@pytest.mark.parametrize("path", PATHS)
async def test_two_hundred_sockets_come_and_are_cut_off(apus, path):
    """No goodbye: participants without media go at once, and nothing stays behind."""
    descriptors = apus.descriptors()

    async def come(number):
        socket = await websockets.connect(socket_url(apus, path, access_token=token("crowd", f"p{number}"), json=1), max_size=None)
        assert "join" in json.loads(await asyncio.wait_for(socket.recv(), 10))
        return socket

    sockets = []
    for start in range(0, 200, 20):
        sockets += await asyncio.gather(*(come(number) for number in range(start, start + 20)))
    await participants(apus, 200)
    assert await apus.metric("apus_signal_sockets") == 200
    for socket in sockets:
        socket.transport.abort()
    await participants(apus, 0, timeout=10)
    for name in ("apus_rooms", "apus_transports", "apus_signal_sockets"):
        assert await apus.metric(name) == 0, name
    await until(lambda: apus.descriptors() <= descriptors + 5, "the descriptors are closed", 5)
