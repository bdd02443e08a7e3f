"""Bytes that nobody asked for: seeded, so that a failure repeats."""

import asyncio
import random
import socket
import struct
import zlib

COOKIE = 0x2112A442


def datagram(source, first_byte):
    """One datagram of 0 to 1500 bytes that begins with `first_byte` (unless it is empty), shaped like something now and then."""
    shape = source.random()
    if shape < 0.05:
        return b""
    if first_byte < 4 and shape < 0.8:
        body = stun(source, first_byte)
    elif 20 <= first_byte <= 63 and shape < 0.7:
        body = dtls(source, first_byte)
    elif 128 <= first_byte <= 191 and shape < 0.7:
        body = rtp(source)
    else:
        body = source.randbytes(source.randint(0, 1499))
    return (bytes([first_byte]) + body)[:1500]


def stun(source, first_byte):
    """The rest of a STUN message (RFC 8489 section 5): with or without the cookie, and with lengths that lie half of the time."""
    attributes = b""
    for _ in range(source.randint(0, 6)):
        kind = source.choice([0x0001, 0x0006, 0x0008, 0x0020, 0x0024, 0x0025, 0x8028, 0x8029, 0x802A, source.randrange(65536)])
        value = source.randbytes(source.choice([0, 4, 8, 9, 20, 64]))
        length = len(value) if source.random() < 0.7 else source.randrange(65536)
        attributes += struct.pack("!HH", kind, length) + value + bytes(-len(value) % 4)
    length = len(attributes) if source.random() < 0.7 else source.randrange(65536)
    cookie = COOKIE if source.random() < 0.7 else source.randrange(1 << 32)
    message = struct.pack("!BHI", source.choice([1, 0x11, 0x01, source.randrange(256)]), length, cookie) + source.randbytes(12) + attributes
    if source.random() < 0.3:  # a right FINGERPRINT over nonsense (section 14.7)
        message = message[:1] + struct.pack("!H", len(attributes) + 8) + message[3:]
        check = zlib.crc32(bytes([first_byte]) + message) ^ 0x5354554E
        message += struct.pack("!HHI", 0x8028, 4, check)
    return message


def dtls(source, first_byte):
    """The rest of a DTLS record (RFC 6347 section 4.1), its length often a lie; handshake records look like a ClientHello's start."""
    payload = source.randbytes(source.randint(0, 600))
    if first_byte == 22:
        payload = struct.pack("!B3sH3s3s", source.choice([1, 2, 16, 20]), source.randbytes(3), 0, bytes(3), source.randbytes(3)) + payload
    length = len(payload) if source.random() < 0.6 else source.randrange(65536)
    return source.choice([b"\xfe\xfd", b"\xfe\xff", source.randbytes(2)]) + bytes(8) + struct.pack("!H", length) + payload


def rtp(source):
    """The rest of an RTP or RTCP packet (RFC 3550): plausible types, extension lengths that lie."""
    kind = source.choice([96, 111, 200, 201, 203, 205, 206, source.randrange(256)])
    return struct.pack("!BHII", kind, source.randrange(65536), source.randrange(1 << 32), source.randrange(1 << 32)) + source.randbytes(
        source.randint(0, 1200)
    )


async def flood(port, count, per_second=3000, seed=1):
    """Sends `count` datagrams of every first byte in turn to loopback's `port`, from 64 sources; returns how many went out."""
    source = random.Random(seed)
    sockets = []
    for _ in range(64):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.setblocking(False)
        sockets.append(sender)
    sent, loop = 0, asyncio.get_running_loop()
    began = loop.time()
    for number in range(count):
        try:
            sockets[source.randrange(64)].sendto(datagram(source, number % 256), ("127.0.0.1", port))
            sent += 1
        except BlockingIOError:
            pass
        if number % 50 == 49:
            await asyncio.sleep(max(0, began + number / per_second - loop.time()))
    for sender in sockets:
        sender.close()
    return sent
