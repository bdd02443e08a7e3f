"""The room protocol by hand, over a bare WebSocket: JSON as the server's own page speaks it, and protobuf as the SDKs do."""

import asyncio
import base64
import contextlib
import json
from urllib.parse import urlencode

import websockets
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import ConnectionSettings, JoinRequest, SignalRequest, SignalResponse, WrappedJoinRequest

from .tokens import token


def wrapped_join_request(compression=0, packed=None):
    """v1's `join_request`, with no offer in it."""
    if packed is None:
        client, settings = ClientInfo(sdk=ClientInfo.SDK.PYTHON, protocol=16), ConnectionSettings(auto_subscribe=True)
        packed = JoinRequest(client_info=client, connection_settings=settings).SerializeToString()
    wrapped = WrappedJoinRequest(compression=compression, join_request=packed).SerializeToString()
    return base64.urlsafe_b64encode(wrapped).decode()


def socket_url(server, path="/rtc/v1", **query):
    return server.url.replace("http", "ws", 1) + path + "?" + urlencode(query)


@contextlib.asynccontextmanager
async def signalling(server, room, identity, path="/rtc/v1", **query):
    """A socket that has joined, or is refused by an exception of `websockets`. `json=1` for text from the first frame."""
    url = socket_url(server, path, access_token=token(room, identity), **query)
    async with websockets.connect(url, max_size=None, ping_interval=None, open_timeout=5) as socket:
        yield Signalling(socket)


class Signalling:
    def __init__(self, socket):
        self.socket = socket
        self.frames = []

    async def next(self, member, timeout=5):
        """The next message of that kind; others are kept in `frames` and passed over."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    frame = await self.socket.recv()
                    self.frames.append(frame)
                    message = decoded(frame)
                    if member in message:
                        return message[member]
        except TimeoutError:
            raise AssertionError(f"no {member} within {timeout} s; there were: {[list(decoded(frame)) for frame in self.frames]}") from None

    async def send(self, **message):
        await self.socket.send(json.dumps(message))

    async def send_binary(self, **message):
        await self.socket.send(SignalRequest(**message).SerializeToString())

    @property
    def last_is_text(self):
        return isinstance(self.frames[-1], str)


def decoded(frame):
    """A JSON frame as it is; a binary one as `{member: {field: value}}` with protobuf's own names."""
    if isinstance(frame, str):
        return json.loads(frame)
    response = SignalResponse.FromString(frame)
    member = response.WhichOneof("message")
    value = getattr(response, member)
    fields = getattr(value, "ListFields", None)
    return {member: {field.name: part for field, part in fields()} if fields else {"value": value}}
