"""By which addresses a server is reached: IPv6 alone, both families, several that are announced, and through a NAT."""

import ipaddress

import pytest

from clients.waiting import until

REMOTE_CANDIDATES = """(() => {
  const lines = window.apus.pc.remoteDescription.sdp.match(/a=candidate:[^\\r\\n]*/g) || [];
  return [...new Set(lines.map(line => line.split(' ')[4]))];
})()"""

SELECTED = """(async () => {
  const report = await window.apus.pc.getStats();
  const transport = [...report.values()].find(entry => entry.type === 'transport');
  const pair = report.get(transport.selectedCandidatePairId);
  return { local: report.get(pair.localCandidateId).address, remote: report.get(pair.remoteCandidateId).address };
})()"""


async def announced(page):
    """The addresses in the server's answer, but for loopback, which `--dev` adds."""
    found = [ipaddress.ip_address(address) for address in await page.run(REMOTE_CANDIDATES)]
    return {str(address) for address in found if not address.is_loopback}


async def reached(page):
    """The server's address that media goes to."""
    return (await page.run(SELECTED))["remote"]


async def lives(viewer, timeout=15):
    """Picture and sound arrive."""
    await viewer.decoding(frames=20, timeout=timeout)
    await viewer.picture_lives()
    await viewer.run("document.querySelector('[data-testid=video]').muted = false")

    async def heard():
        return (await viewer.stats())["audio"]["totalAudioEnergy"] > 0

    await until(heard, "sound arrives that is no silence", timeout)


async def watched(chromium, server, room, told):
    """Publishes and watches on one host; the answer names `told`."""
    publisher = await chromium.publish(server, room)
    viewer = await chromium.watch(server, room)
    await lives(viewer)
    for page in (publisher, viewer):
        assert await announced(page) == told
    return viewer


def two_hosts(network, *addresses):
    """A server's and a client's, with these pairs of addresses on the wire between them."""
    server_host, client = network.hosts("server", "client")
    network.wire(server_host, "lan", client, "lan")
    for ours, theirs in addresses:
        server_host.add(ours, "lan")
        client.add(theirs, "lan")
    return server_host, client


async def test_with_ipv6_alone_picture_and_sound_arrive(network):
    """The answer names the server's one IPv6 address, not the link-local one that means nothing to others."""
    server_host, client = two_hosts(network, ("fd3a:7075:5301::1/64", "fd3a:7075:5301::2/64"))
    server = await network.apus(server_host, "fd3a:7075:5301::1")
    chromium = await network.browser(client, server.url)
    viewer = await watched(chromium, server, "six", {"fd3a:7075:5301::1"})
    assert await viewer.run(SELECTED) == {"local": "fd3a:7075:5301::2", "remote": "fd3a:7075:5301::1"}


async def test_with_both_families_each_viewer_uses_its_own(network):
    """One watches by IPv4, one by IPv6, and both see the same publisher. The answer names both addresses."""
    server_host, four, six = network.hosts("server", "four", "six")
    network.wire(server_host, "lan4", four, "lan")
    network.wire(server_host, "lan6", six, "lan")
    server_host.add("10.53.4.1/24", "lan4")
    four.add("10.53.4.2/24", "lan")
    server_host.add("fd3a:7075:5306::1/64", "lan6")
    six.add("fd3a:7075:5306::2/64", "lan")
    server = await network.apus(server_host, "10.53.4.1")
    by_six = server.seen_at("fd3a:7075:5306::1")
    chromium = await network.browser(four, server.url)
    other = await network.browser(six, by_six.url)
    await chromium.publish(server, "both")
    for browser, at in [(chromium, server), (other, by_six)]:
        viewer = await browser.watch(at, "both")
        await lives(viewer)
        assert await announced(viewer) == {server.address, by_six.address}
        assert await reached(viewer) == at.address


@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
async def test_the_server_answers_from_the_address_that_was_asked(network, family):
    """Of two addresses on one interface clients are told that one which the system would not send from by itself."""
    one, two, its, prefix = {
        "IPv4": ("10.53.7.1", "10.53.7.2", "10.53.7.9", 24),
        "IPv6": ("fd3a:7075:5307::1", "fd3a:7075:5307::2", "fd3a:7075:5307::9", 64),
    }[family]
    server_host, client = two_hosts(network, (f"{one}/{prefix}", f"{its}/{prefix}"))
    server_host.add(f"{two}/{prefix}", "lan")
    chosen = server_host.ip("route", "get", its).split(" src ")[1].split()[0]
    told = two if chosen == one else one
    server = await network.apus(server_host, told, "--announce", told)
    chromium = await network.browser(client, server.url)
    assert await reached(await watched(chromium, server, "asked", {told})) == told


@pytest.mark.parametrize("reachable", ["10.53.8.1", "fd3a:7075:5308::1"], ids=["IPv4", "IPv6"])
async def test_of_several_announced_addresses_the_client_finds_the_one_that_works(network, reachable):
    """Two lead nowhere, one of each family; the third is the server's."""
    server_host, client = two_hosts(
        network, ("10.53.8.1/24", "10.53.8.2/24"), ("fd3a:7075:5308::1/64", "fd3a:7075:5308::2/64")
    )
    nowhere = ["10.53.8.77", "fd3a:7075:5308::77"]
    options = [word for address in [*nowhere, reachable] for word in ("--announce", address)]
    server = await network.apus(server_host, reachable, *options)
    chromium = await network.browser(client, server.url)
    assert await reached(await watched(chromium, server, "several", {*nowhere, reachable})) == reachable


async def test_behind_a_nat_the_announced_address_is_reached(network):
    """The router hands HTTP and media on to the server, which knows its outer address from --announce only."""
    client, router, server_host = network.hosts("client", "router", "server")
    network.wire(client, "wan", router, "wan")
    network.wire(router, "lan", server_host, "lan")
    client.add("10.53.9.2/24", "wan")
    router.add("10.53.9.1/24", "wan")
    router.add("10.53.10.1/24", "lan")
    server_host.add("10.53.10.2/24", "lan")
    server_host.route(via="10.53.10.1")
    router.forwards()
    outer = "10.53.9.1"
    inner = await network.apus(server_host, "10.53.10.2", "--announce", outer)
    router.filter(f"""
        table ip nat {{
            chain prerouting {{
                type nat hook prerouting priority dstnat
                iifname "wan" tcp dport {inner.port} dnat to {inner.address}
                iifname "wan" udp dport {inner.udp_port} dnat to {inner.address}
            }}
        }}""")
    server = inner.seen_at(outer)
    chromium = await network.browser(client, server.url)
    assert await reached(await watched(chromium, server, "nat", {outer})) == outer
