"""A publishing or watching page of the server in some browser, whatever drives it."""

import asyncio
import json
from pathlib import Path
from urllib.parse import urlencode

from .tokens import token
from .waiting import until

BENCH = Path(__file__).with_name("page.js").read_text()


def page_url(server_url, kind, room, access_token, **options):
    """`kind` is publish or watch; `options` as the pages know them: simulcast=1, codec="VP9", audio=0."""
    return f"{server_url}/{kind}#" + urlencode({"room": room, "token": access_token, "autostart": 1, **options})


class MediaPage:
    """What tests ask of a page. A driver's page gives `run(expression)`, which returns JSON, and `close()`."""

    async def run(self, expression):
        raise NotImplementedError

    async def close(self):
        raise NotImplementedError

    async def state(self):
        return await self.run("window.apus ? window.apus.state : null")

    async def error(self):
        return await self.run("window.apus && window.apus.error ? String(window.apus.error) : null")

    async def stats(self):
        return await self.run("window.bench.stats()")

    async def connected(self, timeout=10):
        async def check():
            state = await self.run("window.apus && window.apus.pc ? window.apus.pc.connectionState : null")
            if state != "connected" and (error := await self.error()):
                raise AssertionError(f"the page says: {error}")
            return state == "connected"

        await until(check, "the page's peer connection is connected", timeout)
        return self

    async def decoding(self, frames=1, timeout=10):
        """Returns once `frames` frames have been decoded."""
        await self.connected(timeout)
        await until(lambda: self._decoded(frames), f"{frames} frames decoded", timeout)
        return self

    async def _decoded(self, frames):
        return (await self.stats())["video"]["framesDecoded"] >= frames

    async def encoding(self, frames=10, timeout=10):
        """Returns once the publisher has encoded `frames` frames."""
        await self.connected(timeout)

        async def check():
            return (await self.stats())["sent"]["framesEncoded"] >= frames

        await until(check, f"{frames} frames encoded", timeout)
        return self

    async def window(self, seconds):
        """What changed in `seconds`: the statistics before and after, and the seconds that the page itself counted."""
        before = await self.stats()
        await asyncio.sleep(seconds)
        after = await self.stats()
        return before, after, (after["at"] - before["at"]) / 1000

    async def look(self):
        return await self.run("window.bench.look()")

    async def picture_lives(self, timeout=5):
        """The picture is lit, and it changes: a decoded frame can be black, and a frozen one bright."""

        async def lit():
            picture = await self.look()
            return picture if picture and max(picture) > 40 else None

        first = await until(lit, "the picture is lit", timeout)

        async def changed():
            picture = await self.look()
            return picture and max(abs(a - b) for a, b in zip(first, picture)) > 4

        await until(changed, "the picture changes", timeout)


class Browser:
    """A browser that can open pages. A driver gives `open(url)` → MediaPage."""

    async def open(self, url):
        raise NotImplementedError

    async def publish(self, server, room, identity="publisher", **options):
        """Opens a publishing page and returns once it sends."""
        page = await self.open(page_url(server.url, "publish", room, token(room, identity), **options))
        return await page.encoding()

    async def watch(self, server, room, identity="viewer", **options):
        """Opens a watching page; it may not be connected yet."""
        return await self.open(page_url(server.url, "watch", room, token(room, identity), **options))


def as_json(expression):
    """JavaScript that evaluates `expression`, promise or not, to JSON text, with `window.bench` in place."""
    return f"(async () => {{ if (!window.bench) {{ {BENCH} }} return JSON.stringify((await ({expression})) ?? null) }})()"


def from_json(text):
    return None if text is None else json.loads(text)
