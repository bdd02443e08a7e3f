"""A WHEP viewer by TCP (RFC 4571) that handshakes as it should, and then can cease to read: the kernel's buffers fill up, and the server's queue."""

import asyncio
import fcntl
import re
import socket
import struct
import termios

import aiohttp
from aioice import stun
from aiortc import RTCCertificate
from OpenSSL import SSL

from .tokens import token

FRAGMENT, PASSWORD = "stalled", "p" * 22
PROFILE = b"SRTP_AEAD_AES_128_GCM"
PATIENCE = 10


def offer(fingerprint):
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0"]
    lines += ["m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:0", "a=recvonly", "a=rtcp-mux", "a=rtpmap:96 VP8/90000"]
    lines += [f"a=ice-ufrag:{FRAGMENT}", f"a=ice-pwd:{PASSWORD}", f"a=fingerprint:sha-256 {fingerprint}", "a=setup:active"]
    return "\r\n".join(lines) + "\r\n"


def unread(transport):
    """Bytes that the kernel holds for a socket."""
    sock = transport.get_extra_info("socket")
    return struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4)))[0]


class TCPViewer:
    """Joined, with keys agreed, after `join`. It reads nothing unless it is told to."""

    async def join(self, server, room, identity):
        certificate = RTCCertificate.generateCertificate()
        (fingerprint,) = (print.value for print in certificate.getFingerprints() if print.algorithm == "sha-256")
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token(room, identity)}"}
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{server.url}/whep/{room}", data=offer(fingerprint), headers=headers) as response:
                answer = await response.text()
                assert response.status == 201, answer
        fragment, password = (re.search(rf"(?m)^a=ice-{name}:(\S+)", answer).group(1) for name in ("ufrag", "pwd"))
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", server.tcp_port))
        # The stream reader stops reading by itself when it holds twice this much.
        self.reader, self.writer = await asyncio.open_connection(sock=connection, limit=4096)
        async with asyncio.timeout(PATIENCE):
            await self.check(fragment, password)
            await self.handshake(certificate)
        return self

    def send(self, frame):
        self.writer.write(struct.pack("!H", len(frame)) + frame)

    async def receive(self):
        (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        return await self.reader.readexactly(length)

    async def check(self, fragment, password):
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        request.attributes |= {"USERNAME": f"{fragment}:{FRAGMENT}", "ICE-CONTROLLING": 1, "PRIORITY": 1, "USE-CANDIDATE": None}
        request.add_message_integrity(password.encode())
        self.send(bytes(request))
        assert stun.parse_message(await self.receive()).message_class == stun.Class.RESPONSE

    async def handshake(self, certificate):
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        context.use_certificate(certificate._cert)
        context.use_privatekey(certificate._key)
        context.set_tlsext_use_srtp(PROFILE)
        tls = SSL.Connection(context)
        tls.set_connect_state()
        while True:
            try:
                tls.do_handshake()
                done = True
            except SSL.WantReadError:
                done = False
            try:
                self.send(tls.bio_read(4096))
            except SSL.WantReadError:
                pass
            if done:
                return
            frame = await self.receive()
            if 20 <= frame[0] <= 63:
                tls.bio_write(frame)

    async def close(self):
        self.writer.transport.abort()
