"""Layers inside one stream, and layers of pictures encrypted between the ends: the server goes by headers alone, and decoders can follow."""

import json
from pathlib import Path

import pytest

from clients.call import Call
from clients.chromium import Chromium
from clients.impaired import Impaired
from clients.sight import sight
from clients.tokens import token
from clients.waiting import until

LAYERED = (Path(__file__).parent / "clients/layered.js").read_text()
KEY = list(range(16))
INSIDE = [{"scalabilityMode": "L3T3_KEY", "maxBitrate": 1_200_000}]
BESIDE = [
    {"rid": "q", "scaleResolutionDownBy": 4, "maxBitrate": 100_000},
    {"rid": "h", "scaleResolutionDownBy": 2, "maxBitrate": 250_000},
    {"rid": "f", "scaleResolutionDownBy": 1, "maxBitrate": 1_200_000},
]
CASES = {
    # By VP9's payload descriptors.
    "L3T3_KEY": {"codec": "VP9", "encodings": INSIDE, "descriptor": False},
    # By dependency descriptors: nothing of a frame can be read.
    "L3T3_KEY, encrypted": {"codec": "VP9", "encodings": INSIDE, "descriptor": True, "secret": {"raw": KEY, "clear": {"key": 0, "delta": 0}}},
    # As LiveKit's SDKs do it: what tells a keyframe stays readable.
    "simulcast, encrypted": {"codec": "VP8", "encodings": BESIDE, "descriptor": False, "secret": {"raw": KEY, "clear": {"key": 10, "delta": 3}}},
}


async def opened(browser, server, kind, identity, case):
    page = await browser.open(server.url + "/healthz")
    await page.run(f"(() => {{ {LAYERED} return true; }})()")
    await page.run(f"layered.start({kind!r}, 'layers', {token('layers', identity)!r}, {json.dumps(case)})")
    return page


@pytest.mark.parametrize("name", CASES)
async def test_layers_follow_the_link(network, record_property, name):
    """One viewer's link narrows twice: it gets a smaller picture, then fewer of the smallest, and all again at the end. Another has all throughout."""
    case = CASES[name]
    impaired = await Impaired().start(network)
    near, far = await impaired.publisher(Chromium), await impaired.viewer(Chromium)
    publisher = await (await opened(near, impaired.beside, "whip", "publisher", case)).encoding()
    viewer = await opened(far, impaired.server, "whep", "viewer", case)
    other = await opened(near, impaired.beside, "whep", "other", case)
    call = Call(impaired, "layers", publisher, viewer, 540, record_property)
    for page in (viewer, other):
        await page.decoding(timeout=15)
    await call.grows(20)
    await call.smooth(3)
    for page in (publisher, viewer):
        assert await page.run("layered.hasDescriptor()") == case["descriptor"]
    if case["codec"] == "VP9":
        assert await publisher.run("layered.mode()") == "L3T3_KEY"

    async def asked():
        return (await viewer.stats())["video"]["pliCount"]

    before = await asked()

    async def gets():
        (entry,) = [entry for entry in await call.pictures() if entry["subscriber"] == "viewer"]
        return entry.get("current") or {}

    async def is_smaller():
        got = await gets()
        return got and (got.get("spatial", 7) if case["codec"] == "VP9" else got["encoding"]) < 2

    async def is_thinned():
        return await is_smaller() and (await gets()).get("temporal", 7) < 2

    impaired.cap(400)
    await call.until(is_smaller, "the viewer gets less of the picture", 10)
    await call.settles()
    assert await asked() == before, "the decoder could not follow"

    # So little that not all that is lost can be sent again in time, and a decoder may have to ask for a keyframe.
    impaired.cap(90)
    await call.until(is_thinned, "the viewer gets the smallest picture, and not each of them", 20)
    decoded = (await viewer.stats())["video"]["framesDecoded"]
    await until(lambda: viewer._decoded(decoded + 10), "ten more are seen", 10)
    best = await sight(other, 1)
    assert best.heights == [call.full] and best.rate > 12, best

    impaired.lift()
    before = await asked()
    await call.grows(30)
    for page in (viewer, other):
        await page.picture_lives()
        assert not case.get("secret") or (await page.run("layered.told"))["failures"] == 0
    assert await asked() == before, "the decoder could not follow"
