"""Files to publish: IVF and Ogg with frames whose headers are real and whose rest is noise. No decoder would like them; a forwarder must not mind."""

import random
import struct

VP8_TAGS = {True: b"\x10\x00\x00\x9d\x01\x2a", False: b"\x11\x00\x00"}
VP9_TAGS = {True: b"\x82\x49\x83\x42", False: b"\x86"}
# Baseline, 640 × 360.
SPS = bytes.fromhex("6742c01eda0280bfe5840000030004000003 00f23c58ba80".replace(" ", ""))
PPS = bytes.fromhex("68ce3c80")
# 1280 × 720.
AV1_SEQUENCE = bytes.fromhex("080000002d4cffb3c6af9804")


def noise(source, length):
    """No zeros, so that there is no start code in it."""
    return bytes(source.choices(range(1, 256), k=length))


def obu(kind, body):
    """With its size, as a file has it."""
    size = len(body)
    return bytes([kind << 3 | 2]) + bytes([0x80 | size & 0x7F, size >> 7]) + body


def frame(codec, key, body):
    if codec == "vp8":
        return VP8_TAGS[key] + (struct.pack("<HH", 640, 360) if key else b"") + body
    if codec == "vp9":
        return VP9_TAGS[key] + body
    if codec == "h264":
        if key:
            return b"".join(b"\0\0\0\1" + unit for unit in (SPS, PPS, b"\x65\x88" + body))
        return b"\0\0\0\1\x41\x88" + body
    delimiter = obu(2, b"")
    return delimiter + (obu(1, AV1_SEQUENCE) + obu(6, b"\x10" + body) if key else obu(6, b"\x30" + body))


def write_ivf(path, codec, *, frames=45, rate=30, keyframe_every=15, seed=1, largest=5_000, keyframe=None):
    """Pictures of `codec`: vp8, vp9, h264 or av1; keyframes of `keyframe` bytes if that is given."""
    source = random.Random(seed)
    name = {"vp8": b"VP80", "vp9": b"VP90", "h264": b"H264", "av1": b"AV01"}[codec]
    parts = [struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, name, 640, 360, rate, 1, frames, 0)]
    for number in range(frames):
        # Some alike and small, as of a picture in which nothing moves.
        body = b"\x01\x02\x03" if number % 7 == 3 else noise(source, source.randrange(20, largest))
        is_key = number % keyframe_every == 0
        if is_key and keyframe:
            body = noise(source, keyframe)
        data = frame(codec, is_key, body)
        parts.append(struct.pack("<IQ", len(data), number) + data)
    path.write_bytes(b"".join(parts))
    return str(path)


def write_ogg(path, *, packets=100, seed=2):
    """Opus of 20 ms a packet, some of it the same silence; ten packets a page, without checksums."""
    source = random.Random(seed)
    sound = [b"\xfc" + (b"\xff\xfe" if number % 10 < 4 else noise(source, source.randrange(40, 300))) for number in range(packets)]
    pages = [[b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0"], [b"OpusTags\0\0\0\0\0\0\0\0"]]
    pages += [sound[at : at + 10] for at in range(0, packets, 10)]
    data = b""
    for number, page in enumerate(pages):
        lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in page)
        flags = 2 if number == 0 else 4 if number == len(pages) - 1 else 0
        data += struct.pack("<4sBBQIIIB", b"OggS", 0, flags, max(0, number - 1) * 9_600, 7, number, 0, len(lacing)) + lacing + b"".join(page)
    path.write_bytes(data)
    return str(path)
