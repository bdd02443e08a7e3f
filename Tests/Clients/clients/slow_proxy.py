"""A way for TCP that is slower than that of media: what the server says arrives late, in its order."""

import asyncio
import time


class SlowProxy:
    """`async with SlowProxy(port, seconds) as proxy`: `proxy.url` leads to `port`, and what comes back from there takes `seconds` longer."""

    def __init__(self, port, seconds):
        self.target = port
        self.seconds = seconds

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://localhost:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def _serve(self, reader, writer):
        try:
            behind_reader, behind_writer = await asyncio.open_connection("localhost", self.target)
        except OSError:
            return writer.close()
        under_way = asyncio.Queue()
        await asyncio.gather(self._there(reader, behind_writer), self._back(behind_reader, under_way), self._late(under_way, writer))

    async def _there(self, reader, writer):
        try:
            while data := await reader.read(65_536):
                writer.write(data)
        except OSError:
            pass
        writer.close()

    async def _back(self, reader, under_way):
        data = True
        while data:
            try:
                data = await reader.read(65_536)
            except OSError:
                data = b""
            under_way.put_nowait((time.monotonic() + self.seconds, data))

    async def _late(self, under_way, writer):
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(due - time.monotonic())
            if not data:
                return writer.close()
            writer.write(data)
