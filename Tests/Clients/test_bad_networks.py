"""What browsers show over a network that loses packets, or is too narrow: a publisher with three layers and no trouble, a viewer with all of it."""

import pytest
import pytest_asyncio

from clients.call import Call
from clients.chromium import Chromium
from clients.firefox import Firefox
from clients.impaired import Impaired
from clients.sight import sight
from clients.tokens import token

KINDS = {"chromium": Chromium, "firefox": Firefox}
PAIRS = [("chromium", "chromium"), ("firefox", "chromium"), ("chromium", "firefox")]
pairs = pytest.mark.parametrize(("publishing", "viewing"), PAIRS, ids=[f"{a} to {b}" for a, b in PAIRS])


@pytest_asyncio.fixture
async def calls(network, record_property):
    """`await calls("chromium", "firefox")`: a call whose picture has three layers, seen at its best before anything begins."""

    async def start(publishing, viewing):
        impaired = await Impaired().start(network)
        publisher = await (await impaired.publisher(KINDS[publishing])).publish(impaired.beside, "bad", simulcast=1)
        viewer = await (await impaired.viewer(KINDS[viewing])).watch(impaired.server, "bad")
        call = Call(impaired, "bad", publisher, viewer, 720, record_property)
        await viewer.decoding(timeout=15)
        await call.grows(30)
        return call

    return start


@pairs
async def test_what_is_lost_is_repaired_before_it_shows(calls, publishing, viewing):
    """No freeze without loss; less than half a second in 12 at 5 %, less than two at 15 %."""
    call = await calls(publishing, viewing)
    assert (await call.smooth(5)).heights == [call.full]
    bars = {5: 0.5, 15: 2} if publishing == viewing else {5: 0.5}
    for percent, bar in bars.items():
        call.impaired.lose(percent)
        seen = await call.watched(f"{percent} % lost", 12)
        assert call.impaired.lost() > 0 and seen.nacks > 0, seen
        assert seen.frozen < bar, f"{seen}; {await call.reasons()}"
        assert seen.rate > 12 and seen.below(call.full) < 0.5, f"{seen}; {await call.reasons()}"
        # A second with less may be a trial of what the loss comes from.
        await call.grows(5)


@pairs
async def test_a_narrow_link_gets_what_fits(calls, publishing, viewing):
    """Of layers of 150, 250 and 1700 kbit/s the second fits 400 kbit/s, and is smooth; the full size comes back with the room for it."""
    call = await calls(publishing, viewing)
    await call.publisher.run("bench.limit({ h: 250_000 })")
    call.impaired.cap(400)
    await call.settles()
    seen, reasons = await call.watched("400 kbit/s", 10), await call.reasons()
    call.impaired.lift()
    await call.grows(10)
    await call.viewer.picture_lives()
    assert seen.rate >= 12 and seen.frozen < 1, f"{seen}; {reasons}"
    assert seen.below(call.full) > 0.9, f"{seen}; {reasons}"
    assert seen.kilobits > 200, f"most of the link is not used: {seen}; {reasons}"


async def test_what_is_lost_without_rtx_comes_again_as_it_was(network, record_property):
    """A viewer that takes no stream of retransmissions (some gateways do not): less than half a second frozen in 12 at 5 %."""
    impaired = await Impaired().start(network)
    await (await impaired.publisher(Chromium)).publish(impaired.beside, "plain")
    page = await (await impaired.viewer(Chromium)).open(impaired.server.url + "/healthz")
    await page.run(f"bench.session.start('whep', 'plain', {token('plain', 'viewer')!r}, 'rtx')")
    await page.decoding(30, timeout=15)
    answer = await page.run("window.apus.pc.remoteDescription.sdp")
    assert "rtx" not in answer and "ssrc-group" not in answer and "nack\r\n" in answer
    impaired.lose(5)
    before, seen = await page.stats(), await sight(page, 12)
    after = await page.stats()
    sent = await impaired.server.metric("apus_packets_total", direction="out", kind="rtx")
    record_property("5 % lost", str(seen))
    print(f"5 % lost, {seen}, {sent:.0f} sent again")
    await page.picture_lives()
    assert impaired.lost() > 20 and seen.nacks > 0 and sent > impaired.lost() / 3, seen
    # Nothing of it was a stream of retransmissions; what came is no loss any more.
    assert after["video"]["retransmittedPacketsReceived"] == 0
    assert after["video"]["packetsLost"] - before["video"]["packetsLost"] < impaired.lost() / 3
    assert seen.frozen < 0.5 and seen.rate > 12, seen
