"""ICE restarts (RFC 8445 section 9) from browsers: new credentials, and a call that goes on as if nothing had happened."""

import pytest

from clients.guest import make_room
from clients.tokens import token
from clients.waiting import until

TRANSPORT = """(async () => {
  const pc = window.apus.pc, report = await pc.getStats();
  const transport = [...report.values()].find(entry => entry.type === 'transport');
  const pair = report.get(transport.selectedCandidatePairId);
  const lines = name => [pc.localDescription, pc.remoteDescription].map(({ sdp }) => sdp.match(new RegExp(`a=${name}:([^\\r\\n]*)`))[1]);
  return {
    ufrags: lines('ice-ufrag'), fingerprints: lines('fingerprint'), dtls: transport.dtlsState,
    selected: pair ? report.get(pair.localCandidateId).usernameFragment : null,
  };
})()"""


async def transport_of(page):
    return await page.run(TRANSPORT)


async def handshake_packets(apus):
    return await apus.metric("apus_packets_total", kind="dtls")


async def on_new_credentials(page, old):
    """Awaits that media uses a candidate pair of the restart; DTLS is the same."""

    async def check():
        now = await transport_of(page)
        return now if now["selected"] == now["ufrags"][0] and now["dtls"] == "connected" else None

    new = await until(check, "the selected pair has the new user fragment", 10)
    assert not set(new["ufrags"]) & set(old["ufrags"])
    assert new["fingerprints"] == old["fingerprints"]


@pytest.mark.serve("--drain-timeout", "200ms")
@pytest.mark.parametrize("kind", ["whip", "whep"])
@pytest.mark.parametrize("name", ["chromium", "firefox"])
async def test_a_browser_restarts_ice_over_http(apus, chromium, firefox, closing, name, kind, record_property):
    """PATCH with new credentials: media moves to the new candidate pair without a second's freeze, and nobody shakes hands again."""
    browser = {"chromium": chromium, "firefox": firefox}[name]
    if kind == "whep":
        closing(await chromium.publish(apus, "restart"))
    page = closing(await browser.open(apus.url + "/healthz"))
    await page.run(f"bench.session.start({kind!r}, 'restart', {token('restart', 'restarting')!r})")
    await page.connected()
    viewer = page if kind == "whep" else closing(await chromium.watch(apus, "restart"))
    await viewer.decoding(frames=20)

    old, handshakes, before = await transport_of(page), await handshake_packets(apus), await viewer.stats()
    assert await page.run("bench.session.restart()") == 200
    await on_new_credentials(page, old)
    _, after, _ = await viewer.window(4)
    seconds = (after["at"] - before["at"]) / 1000
    frames = after["video"]["framesDecoded"] - before["video"]["framesDecoded"]
    frozen = after["video"]["totalFreezesDuration"] - before["video"]["totalFreezesDuration"]
    record_property("frozen", round(frozen, 2))
    print(f"{name}, {kind}: {frames} frames in {seconds:.1f} s, frozen for {frozen:.2f} s")
    # Firefox decodes as fast as a busy machine lets it.
    assert frames / seconds > 5 and frozen < 1
    assert await handshake_packets(apus) == handshakes
    assert await apus.metric("apus_http_sessions") == 2


@pytest.mark.serve("--drain-timeout", "200ms")
@pytest.mark.parametrize("name", ["chromium", "firefox"])
async def test_an_offer_in_a_room_restarts_ice(apus, guests, name):
    """The page restarts ICE and negotiates because somebody joins: one offer, with new credentials and a new section. The call is the same."""
    link = await make_room(apus)
    ada, grace = await guests.named(name), await guests.chromium()
    await ada.join(link, "Ada")
    await grace.join(link, "Grace")
    await ada.sees_picture_of(grace)
    await grace.sees_picture_of(ada)

    old = await transport_of(ada)
    await ada.ask("probe.remember()")
    await ada.run("window.apus.pc.restartIce()")
    alan = await guests.chromium()
    await alan.join(link, "Alan")
    await on_new_credentials(ada, old)
    for one, others in [(ada, [grace, alan]), (grace, [ada, alan]), (alan, [ada, grace])]:
        for other in others:
            await one.sees_picture_of(other)
    assert not await ada.ask("probe.isNew()"), "the page has joined anew"
