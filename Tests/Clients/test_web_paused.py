"""What the web app says of a picture that the server does not send, as the way is too slow. The server's message is put in: that it comes by
itself is the scenarios' to show."""

import json
from pathlib import Path

from clients.guest import make_room
from clients.screenshot import screenshot
from clients.waiting import until

OUT = Path(__file__).parent / "out"
WORDS = "Paused: your connection is too slow for this video."


async def test_a_paused_picture_says_so_until_it_goes_on(apus, guests):
    link = await make_room(apus)
    ada, bert = await guests.chromium(), await guests.chromium()
    sockets = []

    def listen(socket):
        socket.connect_to_server()
        sockets.append(socket)

    await bert.page.route_web_socket("**/rtc/**", listen)
    await ada.join(link, "Ada")
    await bert.join(link, "Bert")
    await bert.sees_picture_of(ada)
    assert await unseen(bert) == {}

    person = next(person for person in await bert.people() if person["identity"] == ada.identity)
    camera = next(track["sid"] for track in person["tracks"] if track["source"] == "CAMERA")
    tell(sockets[-1], person["sid"], camera, state="PAUSED")
    await until(lambda: says(bert, {ada.identity: WORDS}), "the tile says that it is paused", 5)
    await screenshot(bert, OUT / "paused.png")
    # ACTIVE, which is left out as it is the first.
    tell(sockets[-1], person["sid"], camera)
    await until(lambda: says(bert, {}), "nothing is said of it any more", 5)
    await bert.sees_picture_of(ada)


def tell(socket, participant, track, **state):
    socket.send(json.dumps({"streamStateUpdate": {"streamStates": [{"participantSid": participant, "trackSid": track, **state}]}}))


async def says(guest, expected):
    return await unseen(guest) == expected


async def unseen(guest):
    """By identity, what stands on a tile instead of a picture, or over an old one."""
    return await guest.ask(
        "Object.fromEntries([...document.querySelectorAll('[data-testid=unseen]:not([hidden])')]"
        ".map(words => [words.closest('[data-identity]').dataset.identity, words.textContent]))"
    )
