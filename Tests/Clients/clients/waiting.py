"""Waiting for something to become true, with a sentence for when it does not."""

import asyncio
import time


async def until(condition, what, timeout=10.0, every=0.1):
    """Awaits `condition()` (sync or async) until it returns something truthy, and returns that; fails with `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        await asyncio.sleep(every)
