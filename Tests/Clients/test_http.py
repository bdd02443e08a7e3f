"""What HTTP refuses and how, through real sockets: a status and a sentence, never a bare close."""

import aiohttp
import pytest
import pytest_asyncio
from aiortc import RTCPeerConnection

from clients.rtc import MovingPicture, Publisher, Viewer
from clients.tokens import token

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"


@pytest_asyncio.fixture
async def http():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session:
        yield session


async def offer():
    """A publisher's SDP offer, from aiortc."""
    connection = RTCPeerConnection()
    connection.addTrack(MovingPicture(320))
    await connection.setLocalDescription(await connection.createOffer())
    sdp = connection.localDescription.sdp
    await connection.close()
    return sdp


def bearer(access_token, content_type=SDP):
    return {"Authorization": f"Bearer {access_token}", "Content-Type": content_type}


async def refused(response, *statuses):
    """The status is one of `statuses`, and the body holds a sentence."""
    body = await response.text()
    assert response.status in statuses, f"{response.status}: {body}"
    assert len(body.split()) >= 3, f"no sentence: {body!r}"
    return body


NO_GOOD_TOKEN = {
    "none": lambda: None,
    "not a token": lambda: "Bearer nonsense",
    "another scheme": lambda: "Basic ZGV2a2V5OnNlY3JldA==",
    "an unknown key": lambda: "Bearer " + token("room", "me", key="nobody"),
    "a wrong secret": lambda: "Bearer " + token("room", "me", secret="another secret"),
    "expired": lambda: "Bearer " + token("room", "me", expires_in=-120),
    "unsigned": lambda: "Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJkZXZrZXkiLCJzdWIiOiJtZSJ9.",
}


@pytest.mark.parametrize("why", NO_GOOD_TOKEN)
@pytest.mark.parametrize("path", ["/whip/room", "/whep/room"])
async def test_401_without_a_good_token(apus, http, path, why):
    header = NO_GOOD_TOKEN[why]()
    headers = {"Content-Type": SDP, **({"Authorization": header} if header else {})}
    async with http.post(apus.url + path, data=await offer(), headers=headers) as response:
        await refused(response, 401)
        assert "Bearer" in response.headers.get("WWW-Authenticate", "")


@pytest.mark.parametrize(
    ("path", "grants"),
    [
        ("/whip/other", {}), ("/whep/other", {}), ("/whip/room", {"roomJoin": False}), ("/whip/room", {"canPublish": False}),
        ("/whep/room", {"canSubscribe": False}),
    ],
    ids=["publish in another room", "watch another room", "no join", "no publishing", "no subscribing"],
)  # fmt: skip
async def test_403_where_the_token_does_not_permit_it(apus, http, path, grants):
    async with http.post(apus.url + path, data=await offer(), headers=bearer(token("room", "me", **grants))) as response:
        await refused(response, 403)


async def test_the_token_is_checked_before_the_body(apus, http):
    async with http.post(apus.url + "/whip/room", data="no SDP at all", headers={"Content-Type": SDP}) as response:
        await refused(response, 401)


async def test_409_with_nobody_publishing(apus, http):
    async with http.post(apus.url + "/whep/empty", data=await offer(), headers=bearer(token("empty", "me"))) as response:
        await refused(response, 409)
        assert int(response.headers["Retry-After"]) > 0


async def test_404_for_what_is_not_there(apus, http):
    async with http.get(apus.url + "/no/such/page") as response:
        assert response.status == 404
    async with http.post(apus.url + "/whip/room", data=await offer(), headers=bearer(token("room", "me"))) as response:
        assert response.status == 201, await response.text()
        known = response.headers["Location"]
    unknown = apus.url + known.rsplit("/", 1)[0] + "/no-such-session"
    async with http.delete(unknown, headers=bearer(token("room", "me"))) as response:
        await refused(response, 404)
    async with http.patch(unknown, data="a=x", headers=bearer(token("room", "me"), FRAGMENT) | {"If-Match": "*"}) as response:
        await refused(response, 404)


async def test_413_for_a_body_too_big(apus, http):
    async with http.post(apus.url + "/whip/room", data=b"v=0\r\n" + b"a=x\r\n" * 60_000, headers=bearer(token("room", "me"))) as response:
        await refused(response, 413)


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/sdp-not"])
async def test_415_for_another_content_type(apus, http, content_type):
    async with http.post(apus.url + "/whip/room", data=await offer(), headers=bearer(token("room", "me"), content_type)) as response:
        await refused(response, 415)


UNUSABLE = {
    "empty": lambda sdp: "",
    "no SDP": lambda sdp: "hello\r\n",
    "no media": lambda sdp: sdp[: sdp.index("m=")],
    "no fingerprint": lambda sdp: "".join(line for line in sdp.splitlines(True) if "fingerprint" not in line),
    "no ICE credentials": lambda sdp: "".join(line for line in sdp.splitlines(True) if "a=ice-" not in line),
    "no codec that is known": lambda sdp: sdp.replace("VP8/90000", "X9/90000").replace("H264/90000", "X8/90000"),
    "binary": lambda sdp: bytes(range(256)) * 8,
}


@pytest.mark.parametrize("what", UNUSABLE)
async def test_4xx_for_an_offer_that_can_not_be_answered(apus, http, what):
    body = UNUSABLE[what](await offer())
    async with http.post(apus.url + "/whip/room", data=body, headers=bearer(token("room", "me"))) as response:
        await refused(response, 400, 422)
    assert await apus.metric("apus_http_sessions") == 0


@pytest.mark.parametrize("path", ["/whip/room", "/whep/room", "/whep/room/somebody"])
async def test_options_and_cors(apus, http, path):
    """A page of another origin may ask, and may read what it needs from the answer."""
    asking = {
        "Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }  # fmt: skip
    async with http.options(apus.url + path, headers=asking) as response:
        assert response.status in (200, 204)
        allowed = {name: response.headers.get(f"Access-Control-Allow-{name}", "").lower() for name in ("Origin", "Methods", "Headers")}
        assert allowed["Origin"] in ("*", "https://elsewhere.example")
        assert all(method in allowed["Methods"] for method in ("post", "patch", "delete"))
        assert all(header in allowed["Headers"] for header in ("authorization", "content-type", "if-match"))
        assert SDP in response.headers.get("Accept-Post", "")
    async with http.post(apus.url + path, data="x", headers={"Origin": "https://elsewhere.example"}) as response:
        await refused(response, 401)
        assert response.headers["Access-Control-Allow-Origin"] in ("*", "https://elsewhere.example")
        exposed = response.headers["Access-Control-Expose-Headers"].lower()
        assert all(header in exposed for header in ("location", "link", "etag"))


@pytest.mark.parametrize("role", ["publisher", "viewer"])
async def test_patch_by_its_rules(apus, http, closing, role):
    """Trickled candidates 204, a wrong tag 412, no tag 204 or 428, another type 415, no token 401, another's 401, 403 or 404."""
    publisher = closing(await Publisher().start(f"{apus.url}/whip/room", token("room", "publisher")))
    session = publisher if role == "publisher" else closing(await Viewer().start(f"{apus.url}/whep/room", token("room", "viewer")))
    local = session.connection.localDescription.sdp
    ufrag = next(line for line in local.splitlines() if line.startswith("a=ice-ufrag:"))
    pwd = next(line for line in local.splitlines() if line.startswith("a=ice-pwd:"))
    media = local[local.index("m=") :].split()[0][2:]
    candidate = "a=candidate:1 1 UDP 1694498815 192.0.2.77 4321 typ host"
    fragment = "\r\n".join([ufrag, pwd, f"m={media} 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", candidate, "a=end-of-candidates", ""])
    headers = {**session.authorization, "Content-Type": FRAGMENT}

    async def patch(changes, body=fragment):
        sent = {name: value for name, value in {**headers, **changes}.items() if value is not None}
        async with http.patch(session.resource, data=body, headers=sent) as response:
            return response.status

    assert await patch({"If-Match": '"no such tag"'}) == 412
    assert await patch({}) in (204, 428)
    assert await patch({"Content-Type": "text/plain"}) == 415
    assert await patch({"Authorization": None, "If-Match": "*"}) == 401
    assert await patch({"Authorization": "Bearer " + token("other", "me"), "If-Match": "*"}) in (401, 403, 404)
    assert await patch({"If-Match": "*"}, body="\x00nonsense") in (400, 422)
    assert await patch({}, body="a=x\r\n" * 60_000) == 413


async def test_201_carries_what_a_client_needs(apus, http):
    async with http.post(apus.url + "/whip/room", data=await offer(), headers=bearer(token("room", "me"))) as response:
        answer = await response.text()
        assert response.status == 201, answer
        assert response.content_type == SDP
        assert response.headers["ETag"].startswith('"')
        location = response.headers["Location"]
    assert "a=candidate:" in answer and "a=ice-lite" in answer and f" {apus.udp_port} typ host" in answer
    url = location if location.startswith("http") else apus.url + location
    async with http.delete(url, headers={"Authorization": "Bearer " + token("other", "me")}) as response:
        assert response.status in (401, 403, 404)
    async with http.delete(url, headers=bearer(token("room", "me"))) as response:
        assert response.status in (200, 204)
    async with http.delete(url, headers=bearer(token("room", "me"))) as response:
        assert response.status == 404


async def test_pages_and_health(apus, http):
    for url, kind in [(apus.url + "/publish", "text/html"), (apus.url + "/watch", "text/html"), (apus.admin_url + "/metrics", "text/plain")]:
        async with http.get(url) as response:
            assert response.status == 200
            assert response.content_type == kind
    for path in ("/metrics", "/debug/"):
        async with http.get(apus.url + path) as response:
            assert response.status == 404, f"{path} must not be on the public port"
