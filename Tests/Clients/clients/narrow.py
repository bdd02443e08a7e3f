"""An SDK's client that decodes less than this one does: a proxy for v0's signalling, which takes codecs out of what the client answers."""

import asyncio

import websockets
from livekit.protocol.models import SubscriptionError
from livekit.protocol.rtc import SignalRequest, SignalResponse

from .apus import free_port


class Narrowed:
    """Stands in for the server in `LiveKitPeer.join`: `url` is its own, and leads there. `refused` has the tracks that the server says no to."""

    def __init__(self, server, *codecs):
        self.server, self.codecs, self.refused = server, codecs, []

    async def start(self):
        port = free_port()
        self.url = f"http://localhost:{port}"
        self._listener = await websockets.serve(self._serve, "localhost", port, max_size=None)
        return self

    async def stop(self):
        self._listener.close()
        await self._listener.wait_closed()

    async def _serve(self, client):
        address = self.server.url.replace("http", "ws", 1) + client.request.path
        headers = {name: value for name, value in client.request.headers.raw_items() if name.lower() == "authorization"}
        async with websockets.connect(address, max_size=None, additional_headers=headers) as server:
            ways = [asyncio.create_task(self._pass(client, server, self._narrow)), asyncio.create_task(self._pass(server, client, self._hear))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()

    @staticmethod
    async def _pass(source, target, change):
        async for frame in source:
            await target.send(change(frame))

    def _hear(self, frame):
        response = SignalResponse.FromString(frame)
        if response.WhichOneof("message") == "subscription_response" and response.subscription_response.err == SubscriptionError.SE_CODEC_UNSUPPORTED:
            self.refused.append(response.subscription_response.track_sid)
        return frame

    def _narrow(self, frame):
        request = SignalRequest.FromString(frame)
        if request.WhichOneof("message") != "answer":
            return frame
        request.answer.sdp = without(self.codecs, request.answer.sdp)
        return request.SerializeToString()


def without(codecs, sdp):
    """A description whose video sections no longer have these codecs, nor the retransmissions of them."""
    first, *sections = sdp.split("\r\nm=")
    return "\r\nm=".join([first] + [narrowed(codecs, section) if section.startswith("video") else section for section in sections])


def narrowed(codecs, section):
    lines = section.split("\r\n")
    gone = {line.split(":")[1].split()[0] for line in lines if line.startswith("a=rtpmap:") and line.split()[1].split("/")[0] in codecs}
    gone |= {line.split(":")[1].split()[0] for line in lines if line.startswith("a=fmtp:") and line.split("apt=")[-1] in gone}
    kept = [line for line in lines if not (line.startswith(("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:")) and line.split(":")[1].split()[0] in gone)]
    media = kept[0].split()
    return "\r\n".join([" ".join(media[:3] + [number for number in media[3:] if number not in gone]), *kept[1:]])
