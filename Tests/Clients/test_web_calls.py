"""Calls through the web app: who is seen, who is heard, and what the others are told."""

from clients.apus import Apus
from clients.guest import make_room
from clients.slow_proxy import SlowProxy
from clients.waiting import until


async def live(guests):
    """Everybody sees and hears everybody."""
    for guest in guests:
        await guest.sees_only(*guests)
    for guest in guests:
        await guest.sees_pictures(len(guests))
        await guest.hears(len(guests) - 1)


async def test_a_room_is_made_its_link_is_sent_and_two_people_talk(apus, guests):
    """From the first page to a call, then all that one shows the other."""
    ada, grace = await guests.chromium(speaks=True), await guests.chromium()
    link = await ada.make_link(apus.url)
    await ada.join(link, "Ada")
    await grace.join(link, "Grace")
    await live([ada, grace])
    assert "Grace" in (await ada.tiles())[grace.identity]["text"]
    # Chromium repeats each frame in the next packet, where the server takes it.
    assert await ada.ask("probe.soundCodec()") == "audio/red"

    await ada.marks(ada, muted="false", cameraOff="false")
    await grace.marks(ada, muted="false", cameraOff="false")
    await ada.click("mute")
    await grace.marks(ada, muted="true", cameraOff="false")
    await grace.marks(ada, speaking="false")
    await ada.click("camera")
    await grace.marks(ada, muted="true", cameraOff="true")
    await ada.click("mute")
    await ada.click("camera")
    await grace.marks(ada, muted="false", cameraOff="false", speaking="true")
    await live([ada, grace])


async def test_who_joins_while_somebody_speaks_is_told_so(apus, guests):
    link = await make_room(apus)
    ada, grace = await guests.chromium(speaks=True), await guests.chromium()
    await ada.join(link, "Ada")
    await ada.marks(ada, speaking="true", quality="excellent")
    await grace.join(link, "Grace")
    await grace.marks(ada, speaking="true", quality="excellent")


async def test_who_comes_last_gets_everybody_with_the_first_answer(apus, guests):
    """Each further round of offer and answer would be time in which somebody is not seen."""
    link = await make_room(apus)
    people = [await guests.chromium(), await guests.chromium(), await guests.firefox()]
    for guest, name in zip(people, ["Ada", "Grace", "Alan"]):
        await guest.join(link, name)
    await live(people)
    # How often the server has described itself (RFC 9429, 5.2.2).
    assert await people[2].ask("window.apus.pc.remoteDescription.sdp.match(/o=\\S+ \\S+ (\\d+)/)[1]") == "1"


async def test_firefox_sees_everybody_however_late_answers_come(apus, guests):
    """Before the answer that names it has come, somebody's media would take the only section there is, whose own person is silent, for good."""
    link = await make_room(apus)
    async with SlowProxy(apus.port, 1) as proxy:
        ada, alan, grace = await guests.chromium(), await guests.firefox(), await guests.chromium(speaks=True)
        await ada.join(link, "Ada")
        await ada.click("mute")
        await ada.click("camera")
        await alan.join(link.replace(apus.url, proxy.url), "Alan")
        await alan.marks(ada, muted="true", cameraOff="true")
        await grace.join(link, "Grace")
        await alan.sees_picture_of(grace)
        await alan.hears(1)


async def test_who_leaves_is_gone_and_may_come_back(apus, guests):
    link = await make_room(apus)
    ada, grace, alan = [await guests.chromium() for _ in range(3)]
    for guest, name in [(ada, "Ada"), (grace, "Grace"), (alan, "Alan")]:
        await guest.join(link, name)
    await live([ada, grace, alan])

    await alan.leave()
    await ada.sees_only(ada, grace)
    await grace.sees_only(ada, grace)
    await live([ada, grace])

    await alan.click("again")
    await alan.enter("Alan")
    await alan.connected()
    await live([ada, grace, alan])

    # A closed tab is leaving too.
    await grace.page.close(run_before_unload=False)
    guests.opened.remove(grace)
    await grace.close()
    await ada.sees_only(ada, alan)


async def test_four_people_in_chromium_and_one_in_firefox(apus, guests):
    link = await make_room(apus)
    people = [await guests.chromium() for _ in range(4)] + [await guests.firefox()]
    for number, guest in enumerate(people):
        await guest.join(link, f"Guest {number + 1}")
    await live(people)


async def test_a_shared_screen_is_seen_by_the_others(apus, guests):
    link = await make_room(apus)
    ada, grace = await guests.chromium(), await guests.chromium()
    await ada.join(link, "Ada")
    await grace.join(link, "Grace")
    await live([ada, grace])

    await ada.click("share")
    await grace.sees_pictures(1, kind="screen")
    await grace.sees_pictures(2)
    await ada.click("share")

    async def screens():
        return await grace.ask("probe.all('screen').length")

    async def no_screen():
        return await screens() == 0

    await until(no_screen, "the shared screen is gone", 10)
    await ada.click("share")
    await grace.sees_pictures(1, kind="screen")
    await ada.leave()
    await until(no_screen, "the shared screen left with its owner", 10)
    await grace.sees_only(grace)


async def test_a_call_across_workers(guests, tmp_path):
    """Two participants of one room on two threads: what one publishes reaches the other by a relay."""
    server = Apus("--workers", "2", log_path=tmp_path / "apus.log")
    await server.start()
    try:
        link = await make_room(server)
        ada, grace = await guests.chromium(), await guests.chromium()
        await ada.join(link, "Ada")
        await grace.join(link, "Grace")
        await live([ada, grace])
        counts = [await server.metric("apus_transports", worker=str(worker)) for worker in range(2)]
        assert counts == [1, 1], counts
        assert await server.metric("apus_relays") >= 4, await server.metric("apus_relays")
        before = await server.metric("apus_relayed_packets_total")
        await live([ada, grace])
        assert await server.metric("apus_relayed_packets_total") > before
    finally:
        assert await server.stop() == 0
