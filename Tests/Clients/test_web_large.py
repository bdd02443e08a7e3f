"""One person, or one screen, alone and whole: by a click or by the keyboard, and back. The server is asked for what is seen."""

import json
from pathlib import Path

from clients.guest import make_room
from clients.screenshot import screenshot
from clients.waiting import until

OUT = Path(__file__).parent / "out"
SEEN = "Object.fromEntries([...document.querySelectorAll('.tile')].map(tile => [tile.dataset.identity, tile.checkVisibility({ visibilityProperty: true })]))"
FITS = "Object.fromEntries([...document.querySelectorAll('.tile')].map(tile => [tile.dataset.identity, getComputedStyle(tile.querySelector('video')).objectFit]))"


def listen(page):
    """What the page asks of the server for each track: by sid, the last settings."""
    asked = {}

    def open(socket):
        server = socket.connect_to_server()

        def forward(message):
            setting = json.loads(message).get("trackSetting")
            if setting:
                asked.update({sid: setting for sid in setting["trackSids"]})
            server.send(message)

        socket.on_message(forward)

    return page.route_web_socket("**/rtc/**", open), asked


async def camera_of(guest, other):
    person = next(person for person in await guest.people() if person["identity"] == other.identity)
    return next(track["sid"] for track in person["tracks"] if track["source"] == "CAMERA")


def enlarge(other, kind="tile"):
    return f"[data-testid={kind}][data-identity='{other.identity}'] [data-testid=enlarge]"


async def sees_large(guest, *people):
    """Awaits that the tiles of `people` are seen and no others; returns how their pictures fit."""

    async def check():
        return sorted(identity for identity, seen in (await guest.ask(SEEN)).items() if seen) == sorted(one.identity for one in people)

    await until(check, f"{len(people)} tiles are seen", 5)
    fits = await guest.ask(FITS)
    return {fits[one.identity] for one in people}


async def test_a_click_on_a_tile_shows_it_whole_and_asks_for_its_size(apus, guests):
    link = await make_room(apus)
    ada, grace, alan = [await guests.chromium() for _ in range(3)]
    routed, asked = listen(ada.page)
    await routed
    for guest, name in [(ada, "Ada"), (grace, "Grace"), (alan, "Alan")]:
        await guest.join(link, name)
    await ada.sees_pictures(3)
    graces, alans = await camera_of(ada, grace), await camera_of(ada, alan)
    await until(lambda: {graces, alans} <= asked.keys(), "the server is asked for both", 5)
    small = asked[graces]["width"]
    assert await sees_large(ada, ada, grace, alan) == {"cover"}

    await ada.page.locator(enlarge(grace)).click()
    assert await sees_large(ada, grace) == {"contain"}
    await until(lambda: asked[graces]["width"] > 1.5 * small, f"a larger picture than of {small} is asked for", 5)
    await until(lambda: asked[alans]["disabled"], "what is not seen is not asked for", 5)
    await ada.sees_picture_of(grace)
    tile, floor = (await ada.tiles())[grace.identity]["box"], await ada.ask("probe.box(document.querySelector('.floor'))")
    assert (tile["top"], tile["bottom"]) == (floor["top"], floor["bottom"]) and tile["right"] - tile["left"] > 0.9 * 1280
    await screenshot(ada, OUT / "large.png")

    await ada.page.keyboard.press("Escape")
    assert await sees_large(ada, ada, grace, alan) == {"cover"}
    await until(lambda: asked[graces]["width"] < 1.2 * small and not asked[alans]["disabled"], "everybody is asked for again", 5)
    await ada.sees_pictures(3)

    # Whoever leaves takes their large picture with them.
    await ada.page.locator(enlarge(grace)).click()
    await sees_large(ada, grace)
    await grace.leave()
    await sees_large(ada, ada, alan)
    await until(lambda: not asked[alans]["disabled"], "the others are asked for again", 5)


async def test_a_tile_is_shown_large_by_keyboard(apus, guests):
    link = await make_room(apus)
    ada, grace = await guests.chromium(), await guests.chromium()
    await ada.join(link, "Ada")
    await grace.join(link, "Grace")
    await ada.sees_only(ada, grace)
    button = ada.page.get_by_role("button", name="Show Grace large")
    for key in ["Escape", "Enter"]:
        for _ in range(20):
            await ada.page.keyboard.press("Tab")
            if await button.evaluate("button => button.matches(':focus-visible')"):
                break
        await ada.page.keyboard.press("Enter")
        await sees_large(ada, grace)
        assert await button.get_attribute("aria-pressed") == "true"
        await ada.page.keyboard.press(key)
        await sees_large(ada, ada, grace)
        assert await button.get_attribute("aria-pressed") == "false"


async def test_a_shared_screen_is_shown_large(apus, guests):
    link = await make_room(apus)
    ada, grace = await guests.chromium(), await guests.chromium()
    await ada.join(link, "Ada")
    await grace.join(link, "Grace")
    await grace.click("share")
    await ada.sees_pictures(1, kind="screen")
    before = await ada.ask("probe.box(probe.find('screen'))")
    await ada.page.locator(enlarge(grace, "screen")).click()

    async def is_larger():
        after = await ada.ask("probe.box(probe.find('screen'))")
        return after["right"] - after["left"] > before["right"] - before["left"] + 100

    await until(is_larger, "the screen has the room of the people beside it", 5)
    assert not await ada.ask("probe.find('tile').checkVisibility({ visibilityProperty: true })")
    # A screen that is shared no more leaves the people.
    await grace.click("share")
    assert await sees_large(ada, ada, grace) == {"cover"}
