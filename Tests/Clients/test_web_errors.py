"""What the web app says when something is in the way, and that it does what it can all the same."""

import time

import jwt
import pytest
import pytest_asyncio

from clients.apus import Apus
from clients.asking_chromium import AskingChromium
from clients.guest import Guests, make_room, room_of
from clients.tokens import token
from clients.waiting import until

EXPIRED = ["expired"]


def invitation(key="devkey", secret="secret", expires_in=600, room="a-room"):
    claims = {"iss": key, "exp": int(time.time()) + expires_in, "room": room, "apus_invitation": True}
    return jwt.encode(claims, secret, algorithm="HS256")


@pytest.fixture
def server(tmp_path, closing):
    """Starts a server with options of the test's own."""

    async def start(*arguments, without_dev=False):
        apus = Apus(*arguments, log_path=tmp_path / "apus.log")
        if without_dev:
            apus.arguments.remove("--dev")
        closing(apus)
        return await apus.start()

    return start


# Links.


async def test_an_expired_invitation_says_so(apus, guests):
    ada = await guests.chromium()
    await ada.goto(f"{apus.url}/#{invitation(expires_in=-60)}")
    await ada.says(*EXPIRED)
    assert not await ada.shows("join")


async def test_an_invitation_that_expires_in_the_lobby_says_so(apus, guests):
    ada = await guests.chromium()
    ends = time.time() + 6
    await ada.goto(f"{apus.url}/#{invitation(expires_in=6)}")
    await until(lambda: ada.shows("join"), "the lobby is shown", 15)
    await until(lambda: time.time() > ends + 1, "the invitation has expired", 10)
    await ada.enter("Ada")
    await ada.says(*EXPIRED)


@pytest.mark.parametrize("link", ["abc", "a.b.c", "%00", "cut"])
async def test_a_broken_link_says_so(apus, guests, link):
    ada = await guests.chromium()
    await ada.goto(f"{apus.url}/#{invitation()[:40] if link == 'cut' else link}")
    await ada.says("link", "complete", "invitation")
    assert not await ada.shows("join") and not await ada.shows("create")


async def test_a_forged_invitation_is_refused_with_a_sentence(apus, guests):
    ada = await guests.chromium()
    await ada.goto(f"{apus.url}/#{invitation(secret='another')}")
    await ada.enter("Ada")
    await ada.says("This link does not work on this server. Ask for a new one.")
    assert "signature" not in await ada.words()
    assert await ada.state() == "idle"


# Refusals of the server.


async def test_a_full_room_says_so(server, guests):
    apus = await server("--max-participants", "1")
    link = await make_room(apus)
    ada, grace = await guests.chromium(), await guests.chromium()
    await ada.join(link, "Ada")
    await grace.goto(link)
    await grace.enter("Grace")
    await grace.says("full", "as many", "no more")
    await ada.sees_only(ada)


async def join_by_an_old_token(ada, link, then):
    """The exchange's token lasts for hours: here the first answer holds one that is over, and `then` answers from the second on."""
    old = token(room_of(link), "ada", expires_in=-600)
    answer = {"token": old, "room": room_of(link), "identity": "ada", "name": "Ada"}
    asked = []

    async def exchange(route):
        asked.append(route.request.post_data_json)
        await (route.fulfill(json=answer) if len(asked) == 1 else then(route, answer))

    await ada.page.route("**/api/join", exchange)
    await ada.goto(link)
    await ada.enter("Ada")
    return asked


async def test_an_expired_token_is_exchanged_anew(apus, guests):
    ada, grace = await guests.chromium(), await guests.chromium()
    link = await make_room(apus)
    asked = await join_by_an_old_token(ada, link, lambda route, _: route.continue_())
    await ada.connected()
    assert len(asked) == 2 and asked[0] == asked[1], asked
    await grace.join(link, "Grace")
    await grace.sees_only(ada, grace)
    assert "Ada" in (await grace.tiles())[ada.identity]["text"]


async def test_a_token_that_stays_refused_ends_the_call(apus, guests):
    ada = await guests.chromium()
    asked = await join_by_an_old_token(ada, await make_room(apus), lambda route, answer: route.fulfill(json=answer))
    await ada.says(*EXPIRED)
    assert await ada.shows("again") and len(asked) == 2, asked


async def test_an_invitation_that_has_expired_with_its_token_ends_the_call(apus, guests):
    ada = await guests.chromium()
    over = "This invitation has expired."
    await join_by_an_old_token(ada, await make_room(apus), lambda route, _: route.fulfill(status=410, body=over))
    await ada.says(over)
    assert await ada.shows("again")


async def test_a_way_that_passes_no_websockets_is_called_so(apus, guests):
    """The server answers by HTTP, and it would be wrong to say that it can't be reached."""
    ada = await guests.chromium()
    await ada.page.route_web_socket("**/rtc/**", lambda socket: socket.close())
    await ada.goto(await make_room(apus))
    await ada.enter("Ada")
    await ada.says("does not let WebSockets pass")
    assert "reached" not in await ada.words()


async def test_a_server_that_is_away_at_joining_is_named_and_joining_again_works(apus, guests):
    ada = await guests.chromium()
    link = await make_room(apus)
    await ada.goto(link)
    await until(lambda: ada.shows("join"), "the lobby is shown", 15)
    assert await apus.stop() == 0
    await ada.enter("Ada")
    await ada.says("reached", "reach the server", "not reachable", "unreachable")
    await apus.start()
    await ada.click("join")
    await ada.connected()


# Devices.


@pytest_asyncio.fixture(scope="module")
async def asking():
    browser = await AskingChromium().start()
    yield browser
    await browser.stop()


@pytest_asyncio.fixture
async def asking_guests(asking):
    guests = Guests(asking, None)
    yield guests
    await guests.close()


@pytest.mark.parametrize("refused", [["camera"], ["microphone"], ["camera", "microphone"]], ids=" and ".join)
async def test_who_refuses_a_device_is_told_and_may_join_without(apus, asking_guests, refused):
    """They see and hear the others, who see that they have none."""
    guests = asking_guests
    link = await make_room(apus)
    granted = [name for name in ["camera", "microphone"] if name not in refused]
    ada = await guests.chromium(permissions=["camera", "microphone"])
    grace = await guests.chromium()
    await grace.context.grant_permissions(granted, origin=apus.url)  # and no others
    await ada.join(link, "Ada")
    await grace.goto(link)
    for name in refused:
        await grace.says(name + " was refused", name + " were refused", name + " and")
    await grace.enter("Grace", camera="camera" in granted)
    await grace.connected()
    await ada.marks(grace, cameraOff=str("camera" in refused).lower(), muted=str("microphone" in refused).lower())
    for guest in [ada, grace]:
        await guest.sees_only(ada, grace)
    await grace.hears(1)
    if "camera" in granted:
        await ada.sees_pictures(2)
    else:
        await grace.sees_picture_of(ada)
    if "microphone" in granted:
        await ada.hears(1)


async def test_who_joins_before_the_camera_has_answered_is_seen_once_it_does(apus, guests):
    link = await make_room(apus)
    ada, grace = await guests.chromium(), await guests.chromium(slow_camera=True)
    await ada.join(link, "Ada")
    await grace.goto(link)
    await grace.enter("Grace", camera=False)
    await grace.connected()
    await grace.ask("openCamera()")
    await ada.sees_pictures(2)
    await grace.sees_pictures(2)
    await ada.hears(1)


# Identities.


async def test_a_second_guest_never_displaces_the_first(apus, guests):
    """One link, one name, two people: and a second page of one browser is a second person too."""
    link = await make_room(apus)
    ada, other = await guests.chromium(), await guests.chromium()
    await ada.join(link, "Ada")
    await other.join(link, "Ada")
    assert ada.identity != other.identity
    for guest in [ada, other]:
        await guest.sees_only(ada, other)
        await guest.sees_pictures(2)
    assert await ada.state() == "connected"


async def test_without_dev_own_keys_sign_the_links(server, guests):
    apus = await server("--keys", "studio: a-secret-of-our-own-that-is-long-enough", "--bind", "127.0.0.1", without_dev=True)
    ada, grace = await guests.chromium(), await guests.chromium()
    await ada.goto(apus.url + "/")
    await ada.click("create")
    await until(lambda: ada.shows("link"), "the link is shown", 10)
    link = await ada.ask("probe.find('link').value")
    for guest in [ada, grace]:
        await guest.join(link, "Somebody")
    for guest in [ada, grace]:
        await guest.sees_pictures(2)
        await guest.hears(1)
