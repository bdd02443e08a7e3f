"""Hostile bytes beside a running call: the call goes on, and nothing stays behind."""

import asyncio
import random

import pytest

from clients import garbage

MEBIBYTE = 1 << 20


async def call(apus, chromium, closing):
    closing(await chromium.publish(apus, "beside"))
    viewer = closing(await chromium.watch(apus, "beside"))
    return await viewer.decoding(frames=60, timeout=15)


async def flood_beside_a_call(apus, viewer, count, rest):
    """Floods, rests, and holds the bars: above 10 fps, under 1 s frozen, and later no more memory or descriptors than before."""
    memory, descriptors = apus.resident_bytes(), apus.descriptors()
    dropped, lines = await apus.metric("apus_dropped_packets_total"), len(apus.lines)
    before = await viewer.stats()
    sent = await garbage.flood(apus.udp_port, count)
    after = await viewer.stats()

    seconds = (after["at"] - before["at"]) / 1000
    frames = after["video"]["framesDecoded"] - before["video"]["framesDecoded"]
    frozen = after["video"]["totalFreezesDuration"] - before["video"]["totalFreezesDuration"]
    assert frames / seconds > 10, f"{frames} frames in {seconds:.1f} s"
    assert frozen < 1, f"{frozen:.2f} s frozen"
    counted = await apus.metric("apus_dropped_packets_total") - dropped
    # Loopback may lose some of what is sent to a full socket; what arrives is counted.
    assert counted > sent * 0.8, f"{counted:.0f} of {sent} datagrams counted as dropped"
    assert len(apus.lines) - lines < 100, "garbage writes log lines:\n" + "\n".join(apus.lines[lines : lines + 20])

    await asyncio.sleep(rest)
    assert apus.resident_bytes() - memory < 30 * MEBIBYTE
    # Fewer is fine: HTTP connections that browsers kept alive have gone meanwhile.
    assert apus.descriptors() - descriptors <= 2
    later = await viewer.stats()
    assert later["video"]["framesDecoded"] - after["video"]["framesDecoded"] > 10 * rest


async def test_30000_garbage_datagrams_beside_a_call(apus, chromium, closing):
    viewer = await call(apus, chromium, closing)
    await flood_beside_a_call(apus, viewer, count=30_000, rest=40)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_a_million_garbage_datagrams_beside_a_call(apus, chromium, closing):
    viewer = await call(apus, chromium, closing)
    await flood_beside_a_call(apus, viewer, count=1_000_000, rest=60)


async def test_garbage_on_the_tcp_port_closes_the_connection(apus):
    source = random.Random(2)
    for first in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01" + bytes(64), b"\x00\x00" + bytes(64), source.randbytes(2000)):
        reader, writer = await asyncio.open_connection("127.0.0.1", apus.tcp_port)
        writer.write(first)
        try:
            await writer.drain()
            assert await asyncio.wait_for(reader.read(1), 15) == b"", f"{first[:8]!r} was answered"
        except ConnectionResetError:
            pass
        finally:
            writer.close()
    assert await apus.healthy(apus.url)


async def test_garbage_on_the_http_ports_is_answered_or_closed(apus):
    source = random.Random(3)
    for port in (apus.port, apus.admin_port):
        for _ in range(50):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(source.randbytes(source.randint(1, 4000)) + b"\r\n\r\n")
            try:
                writer.write_eof()
                await asyncio.wait_for(reader.read(), 15)
            except (ConnectionResetError, BrokenPipeError, OSError):
                pass
            finally:
                writer.close()
    assert await apus.healthy(apus.url) and await apus.healthy(apus.admin_url)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_ten_minutes_of_a_call_do_not_grow(apus, chromium, closing):
    """Memory after the first two minutes, and after ten: the slope is flat."""
    viewer = await call(apus, chromium, closing)
    await asyncio.sleep(120)
    readings = []
    for _ in range(16):
        await asyncio.sleep(30)
        readings.append(apus.resident_bytes() / MEBIBYTE)
    half = len(readings) // 2
    grown = sum(readings[half:]) / half - sum(readings[:half]) / half
    assert grown < 2, f"{grown:.1f} MiB between the halves: {[round(reading, 1) for reading in readings]}"
    assert (await viewer.stats())["video"]["totalFreezesDuration"] < 1
