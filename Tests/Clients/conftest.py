"""Fixtures: the server on free ports, and browsers that live as long as the run."""

import asyncio
import os
from pathlib import Path

import pytest
import pytest_asyncio

from clients.apus import BINARY, Apus
from clients.chromium import Chromium
from clients.firefox import Firefox
from clients.livekit_process import LiveKitPeer
from clients.guest import Guests
from clients.network import Network

OUT = Path(__file__).parent / "out"


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="also run soaks and sweeps")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


def pytest_sessionstart(session):
    OUT.mkdir(exist_ok=True)
    if not session.config.option.collectonly and not os.access(BINARY, os.X_OK):
        pytest.exit(f"{BINARY} is not built: swift build -c release (or set APUS_BINARY)", returncode=2)


@pytest_asyncio.fixture
async def apus(request):
    """A server of the test's own. It must end by itself, with status 0, and its log must hold no crash."""
    more = request.node.get_closest_marker("serve")
    server = Apus(*(more.args if more else ()), log_path=OUT / f"{request.node.name.replace('/', '_')}.log")
    await server.start()
    yield server
    crashed = server.process.returncode
    assert crashed is None, f"apus ended during the test, with status {crashed}:\n{server.log[-4000:]}"
    status = await server.stop()
    assert status == 0, f"apus ended with status {status} after SIGTERM:\n{server.log[-4000:]}"
    assert "Fatal error" not in server.log


@pytest_asyncio.fixture(scope="session")
async def chromium():
    browser = await Chromium().start()
    yield browser
    await browser.stop()


@pytest_asyncio.fixture(scope="session")
async def firefox():
    browser = await Firefox().start()
    yield browser
    await browser.stop()


@pytest_asyncio.fixture
async def guests(chromium, firefox):
    """Opens pages of the web app; none may break its content security policy, leave its origin or throw."""
    guests = Guests(chromium, firefox)
    yield guests
    await guests.close()


@pytest_asyncio.fixture
async def network(request):
    """Hosts and wires of the test's own, with servers and browsers on them."""
    network = Network(OUT / f"{request.node.name.replace('/', '_')}.log")
    yield network
    await network.close()


@pytest_asyncio.fixture
async def closing():
    """Collects what a test opened, and closes it in reverse, whatever happened."""
    opened = []

    def keep(thing):
        opened.append(thing)
        return thing

    yield keep
    for thing in reversed(opened):
        try:
            await (thing.close() if hasattr(thing, "close") else thing.stop())
        except Exception as error:  # the server, or the page, may be gone already
            print(f"closing {type(thing).__name__}: {error!r}")


@pytest_asyncio.fixture
async def sdk(apus):
    """`await sdk("alice", …)`: clients of LiveKit's SDK, a process each. All leave at the end, and none may have aborted."""
    peers = []

    async def start(*identities):
        started = [LiveKitPeer(identity) for identity in identities]
        peers.extend(started)
        await asyncio.gather(*(peer.start() for peer in started))
        return started[0] if len(started) == 1 else started

    yield start
    ended = await asyncio.gather(*(peer.stop() for peer in peers), return_exceptions=True)
    assert not any(ended), "\n".join(str(failure) for failure in ended if failure)
