"""The simulated decoder freezes as a browser does: both are shown the same packets."""

import pytest

from clients.tokens import token
from clients.trace import TracePublisher, fill, make_trace, play_trace
from clients.waiting import until

SEED, SECONDS = 1, 45
# A page that is served later than this by the machine has freezes that are not the packets'.
TRUSTED = 0.15


async def show(packets, apus, chromium, closing, room):
    """Sends a trace to a browser in real time; returns the trace as it was sent, what the browser tells of it, and how late the page ever was."""
    publisher = closing(await TracePublisher().start(f"{apus.url}/whip/{room}", token(room, "trace")))
    viewer = closing(await chromium.watch(apus, room))
    await viewer.connected()
    await viewer.run("window.bench.watchFreezes()")
    sent = await publisher.play(packets)
    frames = -1

    async def settled():
        nonlocal frames
        before, frames = frames, (await viewer.stats())["video"]["framesDecoded"]
        return frames == before

    await until(settled, "the browser has shown what it got", 5, every=0.5)
    video, watch = (await viewer.stats())["video"], await viewer.run("window.bench.freezes")
    return sent, {**video, "freezes": watch["each"]}, watch["lateness"]


def described(who, shown, frames):
    each = ", ".join(f"{freeze['length']:.2f} s at {freeze['from']:.2f}" for freeze in shown["freezes"])
    return f"{who}: {shown['freezeCount']} freezes, {shown['totalFreezesDuration']:.2f} s, {frames} frames ({each})"


async def test_the_simulated_decoder_freezes_as_a_browser_does(apus, chromium, closing):
    """One trace with loss that nothing repairs, late packets, a stall, jitter and reordering: number and length of the freezes agree within 20 %."""
    packets = await make_trace(SEED, SECONDS)
    fill(packets)
    # A machine that stalls freezes the browser by itself; it may do so once.
    for attempt in (1, 2):
        sent, shown, lateness = await show(packets, apus, chromium, closing, f"calibration-{attempt}")
        simulated = await play_trace(sent)
        print(described("simulated decoder", simulated, simulated["frames"]))
        print(described("Chromium", shown, shown["framesDecoded"]))
        print(f"the page was late by up to {lateness * 1000:.0f} ms")
        if lateness < TRUSTED:
            break
    assert not simulated["faults"], simulated["faults"]
    assert simulated["freezeCount"] >= 8, "the trace says too little"
    assert shown["freezeCount"] == pytest.approx(simulated["freezeCount"], rel=0.2)
    assert shown["totalFreezesDuration"] == pytest.approx(simulated["totalFreezesDuration"], rel=0.2)
