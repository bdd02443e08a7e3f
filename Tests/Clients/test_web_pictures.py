"""How the web app looks: on a desk and on a phone, alone and in company. The pictures stay in `out`, for a person to look at."""

import time
from pathlib import Path

import jwt
import pytest

from clients.guest import make_room, room_of
from clients.screenshot import contrast, is_inside, overlap, screenshot
from clients.waiting import until

OUT = Path(__file__).parent / "out"
CROWD = (Path(__file__).parent / "clients/whip.js").read_text()
DEVICES = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2},
}
NAMES = [
    "Grace Hopper", "Alan Turing", "Edsger W. Dijkstra", "Barbara Liskov", "Donald Knuth", "Radia Perlman", "Tony Hoare",
    "Margaret Hamilton",
]  # fmt: skip
CONTROLS = ["mute", "camera", "devices", "leave"]


class Crowd:
    """One page that publishes as many people."""

    async def start(self, chromium, link):
        self.room, self.count = room_of(link), 0
        self.page = await chromium.open(link.split("#")[0] + "healthz")
        await self.page.page.evaluate(CROWD)
        return self

    async def grow(self, count):
        for number in range(self.count, count):
            claims = {
                "iss": "devkey", "sub": f"crowd-{number}", "name": NAMES[number], "exp": int(time.time()) + 600,
                "video": {"roomJoin": True, "room": self.room},
            }  # fmt: skip
            token = jwt.encode(claims, "secret", algorithm="HS256")
            await self.page.run(f"crowd.add({self.room!r}, {token!r}, {number * 47 % 360})")
        self.count = count

    async def close(self):
        await self.page.close()


@pytest.mark.parametrize("device", DEVICES)
async def test_the_lobby_and_rooms_of_one_two_four_and_nine(apus, chromium, guests, closing, device):
    options = DEVICES[device]
    viewport = options["viewport"]
    link = await make_room(apus, title="Monday, ten o’clock")
    ada = await guests.chromium(**options)
    await ada.goto(apus.url + "/")
    await until(lambda: ada.shows("create"), "the first page is shown", 10)
    await screenshot(ada, OUT / f"{device}-home.png")
    await no_scrollbar(ada)

    await ada.goto(link)
    await until(lambda: ada.ask("probe.hasPreview()"), "the lobby shows the camera", 15)
    await ada.fill("name", "Ada Lovelace")
    picture = await screenshot(ada, OUT / f"{device}-lobby.png")
    await no_scrollbar(ada)
    for name in ["preview", "name"]:
        assert is_inside(await box(ada, name), {"width": viewport["width"], "height": 10_000}), name
    assert contrast(picture, await box(ada, "preview")) > 15, "the preview is of one colour"

    await ada.enter("Ada Lovelace")
    await ada.connected()
    crowd = closing(await Crowd().start(chromium, link))
    for count in [1, 2, 4, 9]:
        await crowd.grow(count - 1)
        await ada.sees_pictures(count)
        await still(ada)
        await ada.page.mouse.move(1, 1)
        tiles = await ada.tiles()
        picture = await screenshot(ada, OUT / f"{device}-room-{count}.png")
        await no_scrollbar(ada)
        assert len(tiles) == count
        boxes = {identity: tile["box"] for identity, tile in tiles.items()}
        controls = {name: await box(ada, name) for name in CONTROLS}
        for identity, place in boxes.items():
            assert is_inside(place, viewport), f"the tile of {identity} is at {place}"
            assert contrast(picture, place) > 15, f"the tile of {identity} is of one colour"
        for name, place in controls.items():
            assert await ada.shows(name) and is_inside(place, viewport), f"{name} is at {place}"
        everything = [*boxes.items(), *controls.items()]
        for number, (one, place) in enumerate(everything):
            for other, second in everything[number + 1 :]:
                assert overlap(place, second) == 0, f"{one} and {other} overlap"
        for name in ["Ada Lovelace", *NAMES[: count - 1]]:
            label = ada.page.get_by_test_id("tile").get_by_text(name, exact=False).first
            assert await label.is_visible(), f"{name} is not to be read"
            place = await label.bounding_box()
            assert place["width"] >= 30 and place["height"] >= 8, f"{name} is written in {place}"


async def test_a_phone_can_read_that_the_call_reconnects(apus, guests):
    """However long the room's title is."""
    phone = await guests.chromium(**DEVICES["phone"])
    await phone.join(await make_room(apus, title="A room with quite a long name, so long that it must be shortened somewhere"), "Ada")
    apus.process.kill()
    await apus.process.wait()
    await apus._reader

    async def reconnecting():
        return await phone.state() == "reconnecting"

    await until(reconnecting, "the page notices", 15)
    await screenshot(phone, OUT / "phone-reconnecting.png")
    place, words, is_shown = await box(phone, "status"), await phone.ask("probe.find('status').innerText.trim()"), await phone.shows("status")
    wide, seen = await phone.ask("[probe.find('status').scrollWidth, probe.find('status').clientWidth]")
    await apus.start()
    await phone.connected()
    assert words and is_shown and is_inside(place, DEVICES["phone"]["viewport"]), f"the status {words!r} is at {place}"
    assert 30 < wide <= seen, f"the status needs {wide} pixels and has {seen}"


async def test_all_buttons_are_round_and_in_view_on_the_narrowest_page(apus, guests):
    """A desk's page at four times its size, with a button for the screen as well."""
    viewport = {"width": 320, "height": 568}
    ada = await guests.chromium(viewport=viewport)
    await ada.join(await make_room(apus, title="Monday, ten o’clock"), "Ada")
    await screenshot(ada, OUT / "narrow.png")
    places = {name: await box(ada, name) for name in ["mute", "camera", "share", "devices", "leave"]}
    for name, place in places.items():
        assert is_inside(place, viewport), f"{name} is at {place}"
        wide, high = place["right"] - place["left"], place["bottom"] - place["top"]
        assert wide == high if name != "leave" else wide > high, f"{name} is {wide} by {high}"
    order = list(places.values())
    assert all(one["right"] + 4 <= next["left"] for one, next in zip(order, order[1:])), places


async def box(guest, name):
    return await guest.ask(f"probe.box(probe.find({name!r}))")


async def still(guest):
    """Awaits that the tiles have found their places."""
    last = None

    async def same():
        nonlocal last
        former, last = last, {identity: tile["box"] for identity, tile in (await guest.tiles()).items()}
        return former == last

    await until(same, "the tiles stand still", 5, every=0.3)


async def no_scrollbar(guest):
    wide, seen = await guest.ask("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= seen, f"the page is {wide} wide, in {seen}"
