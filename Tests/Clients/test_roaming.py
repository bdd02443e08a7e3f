"""Clients whose address changes in the middle of a call: a NAT forgets them, or they come to another network. Nobody joins again."""

import asyncio
import time

import pytest_asyncio

from clients.firefox import Firefox
from clients.guest import Guests, make_room
from clients.waiting import until

SERVER, OUTER, NEW_OUTER = "10.53.22.9", "10.53.22.1", "10.53.22.7"
INNER, NEW_INNER, ROUTER = "10.53.21.2", "10.53.21.3", "10.53.21.1"


class Away:
    """A client behind a router with NAT, in front of it the server, which counts what it sends by UDP to the addresses that they have first."""

    async def start(self, network):
        self.client, self.router, host = network.hosts("client", "router", "server")
        network.wire(self.client, "lan", self.router, "lan")
        network.wire(self.router, "wan", host, "wan")
        self.client.add(f"{INNER}/24", "lan")
        self.client.route(via=ROUTER)
        self.router.add(f"{ROUTER}/24", "lan")
        self.router.add(f"{OUTER}/24", "wan")
        host.add(f"{SERVER}/24", "wan")
        self.router.forwards()
        self.router.filter("""
            table ip nat {
                chain postrouting { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }
            }
            table inet test {
                set closed { type inet_service; }
                set shut { type inet_service; }
                chain forward { type filter hook forward priority filter; udp sport @closed drop; th dport @shut drop; }
            }""")
        host.filter(f"""
            table inet test {{
                counter former {{ }}
                chain output {{ type filter hook output priority filter; ip daddr {OUTER} meta l4proto udp counter name former; }}
            }}""")
        self.host = host
        self.server = await network.apus(host, SERVER)
        return self

    def former(self):
        """What has been sent to the router's first address."""
        return self.host.counted("former")


@pytest_asyncio.fixture
async def away(network):
    return await Away().start(network)


class Moving:
    """One page that moves, and the page whose pictures tell how the call goes on."""

    def __init__(self, name, page, viewer):
        self.name, self.page, self.viewer = name, page, viewer

    async def begin(self):
        await self.viewer.decoding(frames=20)
        await self.page.run("(window.before = window.apus.pc, true)")

    async def moved(self):
        """The change has just been made: what is decoded from here on tells."""
        self.frames, self.began = (await self.viewer.stats())["video"]["framesDecoded"], time.monotonic()

    async def is_interrupted(self):
        return await self.page.state() == "disconnected"

    async def is_another(self):
        return await self.page.run("window.apus.pc !== window.before")

    async def recovers(self, within):
        """Awaits a second's pictures; returns how long it took until they had begun."""

        async def pictures():
            return (await self.viewer.stats())["video"]["framesDecoded"] >= self.frames + 25

        try:
            await until(pictures, f"{self.name}: pictures come again", within)
        except AssertionError as error:
            raise AssertionError(f"{error}; the page is {await self.page.state()}: {await self.page.error()}") from None
        seconds = time.monotonic() - self.began
        assert not await self.is_another(), f"{self.name}: another connection"
        await self.viewer.picture_lives()
        return seconds


async def two_calls(network, away):
    """A publisher in Chromium and a viewer in Firefox, both behind the router; with the server their counterparts."""
    near = await network.browser(away.host)
    chromium = await network.browser(away.client, away.server.url)
    firefox = await network.browser(away.client, kind=Firefox)
    local = away.server.seen_at("127.0.0.1")
    await near.publish(local, "down")
    down = await firefox.watch(away.server, "down")
    up = await chromium.publish(away.server, "up")
    moving = [Moving("Chromium, publishing", up, await near.watch(local, "up")), Moving("Firefox, watching", down, down)]
    for one in moving:
        await one.begin()
    return moving


async def follows(away, moving, within, record_property):
    took = await asyncio.gather(*(one.recovers(within) for one in moving))
    for one, seconds in zip(moving, took):
        print(f"{one.name}: a second of pictures after {seconds:.1f} s")
        record_property(one.name, round(seconds, 1))
    assert await away.server.metric("apus_http_sessions") == await away.server.metric("apus_transports") == 4


async def test_a_nat_that_forgets_its_clients_is_noticed_by_the_server(network, away, record_property):
    """The router gets another address, so that all come from elsewhere; they do not know. The former address gets nothing any more."""
    moving = await two_calls(network, away)
    away.router.remove(f"{OUTER}/24", "wan")
    away.router.add(f"{NEW_OUTER}/24", "wan")
    for one in moving:
        await one.moved()
    await follows(away, moving, 15, record_property)
    sent = away.former()
    assert sent > 0
    await moving[0].viewer.window(2)
    assert away.former() == sent


async def test_a_client_that_comes_to_another_network_goes_on(network, away, record_property):
    """The client's own address is another one, and its sockets are dead: the pages restart ICE."""
    moving = await two_calls(network, away)
    away.client.remove(f"{INNER}/24", "lan")
    away.client.add(f"{NEW_INNER}/24", "lan")
    away.client.route(via=ROUTER)
    for one in moving:
        await one.moved()
    await follows(away, moving, 20, record_property)


async def test_a_network_comes_back_as_another_one(network, away, record_property):
    """For a while the client has no address, and the pages restart ICE without one: what they offer then leads nowhere."""
    moving = await two_calls(network, away)
    away.client.remove(f"{INNER}/24", "lan")
    for one in moving:
        await until(one.is_interrupted, f"{one.name}: the page is disconnected", 20)
    away.client.add(f"{NEW_INNER}/24", "lan")
    away.client.route(via=ROUTER)
    for one in moving:
        await one.moved()
    await follows(away, moving, 20, record_property)


async def test_pages_start_over_when_a_connection_has_failed(network, away, record_property):
    """Nothing gets through to the server's media ports until both connections have failed. Firefox's would never send again."""
    moving = await two_calls(network, away)
    ports = f"{{ {away.server.udp_port}, {away.server.tcp_port} }}"
    away.router.run("nft", "add", "element", "inet", "test", "shut", ports)
    for one in moving:
        await until(one.is_another, f"{one.name}: the page starts over", 60)
    away.router.run("nft", "delete", "element", "inet", "test", "shut", ports)
    for one in moving:
        await one.page.connected(20)
        await one.viewer.decoding(frames=25, timeout=20)
        await one.viewer.picture_lives()


PORT = """(async () => {
  const report = await window.apus.pc.getStats();
  const transport = [...report.values()].find(entry => entry.type === 'transport');
  const pair = report.get(transport.selectedCandidatePairId);
  return pair ? report.get(pair.localCandidateId).port : null;
})()"""


async def test_the_web_app_goes_round_what_is_closed(network, away, record_property):
    """The router lets nothing more pass from the page's port: the page restarts ICE from another one, and does not join anew."""
    with away.host.inside():
        link = await make_room(away.server)
    far = Guests(await network.browser(away.client, away.server.url), None)
    near = Guests(await network.browser(away.host, away.server.url), None)
    ada, grace = await far.chromium(), await near.chromium()
    await ada.join(link, "Ada")
    await grace.join(link, "Grace")
    for one, other in [(ada, grace), (grace, ada)]:
        await one.sees_picture_of(other)
    await ada.ask("probe.remember()")
    former = await ada.run(PORT)
    began = time.monotonic()
    away.router.run("nft", "add", "element", "inet", "test", "closed", f"{{ {former} }}")

    async def elsewhere():
        return await ada.run(PORT) not in (None, former)

    await until(elsewhere, "the page sends from another port", 15)
    for one, other in [(ada, grace), (grace, ada)]:
        await one.sees_picture_of(other)
    seconds = time.monotonic() - began
    print(f"the web app: both see each other again after {seconds:.1f} s")
    record_property("seconds", round(seconds, 1))
    assert not await ada.ask("probe.isNew()"), "the page has joined anew"
    for guests in (far, near):
        await guests.close()
