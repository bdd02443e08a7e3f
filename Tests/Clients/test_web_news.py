"""What the web app tells in passing: who has come and who has left, that the link is copied, that a screen is shared. All of it is seen, and
read out by a screen reader."""

import asyncio

import pytest

from clients.guest import make_room
from clients.waiting import until

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}

# Keeps every sentence in window.news, and that what it stands in is a polite live region.
LISTEN = """(() => {
  const place = probe.find('news');
  window.news = [];
  new MutationObserver(() => { if (place.textContent) window.news.push(place.textContent); }).observe(place, { childList: true });
  return place.getAttribute('role') === 'status';
})()"""


async def heard(guest):
    return await guest.ask("window.news")


async def test_who_comes_and_who_leaves_is_told_in_one_sentence_for_all(apus, guests):
    link = await make_room(apus)
    ada, grace, alan = [await guests.chromium() for _ in range(3)]
    await ada.join(link, "Ada")
    assert await ada.ask(LISTEN)
    for guest, name in [(grace, "Grace"), (alan, "Alan")]:
        await guest.goto(link)
        await until(lambda: guest.ask("probe.hasPreview()"), "the lobby has opened the camera", 15)
        await guest.fill("name", name)
    await grace.click("join")
    await asyncio.sleep(0.5)
    await alan.click("join")
    await until(lambda: heard(ada), "it is told who has come", 10)
    assert await ada.shows("news")
    assert sorted((await heard(ada))[0].removesuffix(" joined.").split(" and ")) == ["Alan", "Grace"]
    for guest in [grace, alan]:
        await guest.connected()
        # Who was there before is no news.
        assert await guest.ask("probe.find('news').textContent") == ""

    await grace.leave()

    async def both():
        return len(await heard(ada)) == 2

    await until(both, "it is told who has left", 10)
    assert (await heard(ada))[1] == "Grace left."
    await until(lambda: ada.ask("probe.find('news').textContent === ''"), "the sentence goes by itself", 10)


async def test_a_restart_of_the_server_is_no_coming_and_leaving(apus, guests):
    link = await make_room(apus)
    ada, grace = await guests.chromium(), await guests.chromium()
    is_late = asyncio.Event()
    await grace.page.route_web_socket("**/rtc/**", lambda socket: socket.close() if is_late.is_set() else socket.connect_to_server())
    await ada.join(link, "Ada")
    await grace.join(link, "Grace")
    await ada.says("Grace joined.")
    assert await ada.ask(LISTEN)
    await ada.ask("probe.remember()")
    is_late.set()
    apus.process.kill()
    await apus.process.wait()
    await apus._reader
    await apus.start()
    await until(lambda: ada.ask("probe.isNew()"), "Ada is back", 20)
    # Not everybody is back at once.
    await asyncio.sleep(3)
    is_late.clear()
    await ada.sees_only(ada, grace, timeout=20)
    assert await heard(ada) == []
    await grace.leave()
    await until(lambda: heard(ada), "it is told who has left", 15)
    assert await heard(ada) == ["Grace left."]


@pytest.mark.parametrize("is_allowed", [True, False], ids=["copied", "refused"])
async def test_the_copy_button_of_a_phone_has_a_name_and_says_what_it_did(apus, guests, is_allowed):
    ada = await guests.chromium(**PHONE)
    await ada.join(await make_room(apus), "Ada")
    assert await ada.page.get_by_role("button", name="Copy link").count() == 1
    assert await ada.ask(LISTEN)
    result = "resolve()" if is_allowed else "reject(new Error())"
    await ada.ask(f"navigator.clipboard.writeText = () => new Promise((resolve, reject) => {result})")
    await ada.click("invite")
    await until(lambda: heard(ada), "it is told what has become of it", 5)
    assert ("is copied" if is_allowed else "Copy its address") in (await heard(ada))[0]
    assert await ada.shows("news")
    place = await ada.ask("probe.box(probe.find('news'))")
    assert 0 <= place["left"] and place["right"] <= 390


async def test_who_shares_a_screen_reads_so(apus, guests):
    ada = await guests.chromium()
    await ada.join(await make_room(apus), "Ada")
    await ada.click("share")
    await ada.says("Your screen is shared")
    await ada.click("share")
    await until(lambda: ada.ask("probe.find('status').textContent === 'Connected'"), "it is said no more", 5)
