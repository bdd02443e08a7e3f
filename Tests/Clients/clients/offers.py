"""Gathers what real clients offer: `python -m clients.offers FOLDER` writes FOLDER/<client>-<version>/<name>.sdp.

`publish…` offers to send, `watch…` to receive, `room…` both on one connection. Addresses of this machine are replaced (RFC 5737, RFC 3849);
all else stays as the client wrote it.
"""

import asyncio
import base64
import contextlib
import gzip
import ipaddress
import json
import re
import sys
from importlib.metadata import version
from pathlib import Path

import aiohttp
from aiohttp import web
from livekit.protocol import rtc

from .apus import Apus, free_port
from .chromium import EXECUTABLE as CHROMIUM
from .chromium import Chromium
from .ffmpeg_whip import FFmpegPublisher
from .firefox import EXECUTABLE as FIREFOX
from .firefox import Firefox
from .livekit_process import LiveKitPeer
from .tokens import token
from .waiting import until

GSTREAMER = Path(__file__).with_name("gstreamer_offer.py")


async def main(folder):
    for gather in (browsers, aiortc, ffmpeg, gstreamer, livekit):
        async for client, name, text in gather():
            place = folder / client
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{name}.sdp").write_text(anonymous(text), newline="")
            print(f"{client}/{name}.sdp")


def anonymous(text):
    """With addresses that are nobody's in place of this machine's."""

    def other(match):
        try:
            # A number alone is none.
            address = ipaddress.ip_address(match.group())
        except ValueError:
            return match.group()
        if address.is_unspecified or address.is_loopback:
            return match.group()
        return "192.0.2.2" if address.version == 4 else "2001:db8::2"

    lines = text.split("\n")
    for index, line in enumerate(lines):
        if line.startswith(("a=candidate:", "c=", "o=", "a=rtcp:")):
            lines[index] = re.sub(r"(?<= )[0-9a-fA-F.:]+(?=[ \r]|$)", other, line)
    return "\n".join(lines)


async def printed(*command):
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    return (await asyncio.wait_for(process.communicate(), 60))[0].decode()


# Browsers.

# JavaScript, with `pc`, `camera` and `microphone`; `prefer(name)` puts a codec first.
SEND = "pc.addTransceiver(microphone, {direction: 'sendonly'});"
LAYERS = "[{rid: 'h'}, {rid: 'm', scaleResolutionDownBy: 2}, {rid: 'l', scaleResolutionDownBy: 4}]"
RECEIVE = "pc.addTransceiver('audio', {direction: 'recvonly'}); pc.addTransceiver('video', {direction: 'recvonly'});"
CAMERA = "const video = pc.addTransceiver(camera, {direction: 'sendonly'});"
SCRIPTS = {
    "publish": SEND + CAMERA,
    "publish-audio": SEND,
    "publish-both-ways": "pc.addTrack(microphone); pc.addTrack(camera);",
    "publish-simulcast": f"{SEND} pc.addTransceiver(camera, {{direction: 'sendonly', sendEncodings: {LAYERS}}});",
    **{f"publish-{name.lower()}": f"{SEND}{CAMERA} prefer(video, '{name}');" for name in ("H264", "VP9", "AV1")},
    "publish-av1-simulcast": f"{SEND} prefer(pc.addTransceiver(camera, {{direction: 'sendonly', sendEncodings: {LAYERS}}}), 'AV1');",
    "watch": RECEIVE,
    "watch-audio": "pc.addTransceiver('audio', {direction: 'recvonly'});",
    "room-receiving": "pc.createDataChannel('data');" + RECEIVE * 3,
    "room-both": f"pc.createDataChannel('data'); {SEND}{CAMERA}{RECEIVE * 2}",
}


def script(body):
    return f"""(async () => {{
      const stream = await navigator.mediaDevices.getUserMedia({{ audio: true, video: true }});
      const [microphone] = stream.getAudioTracks(), [camera] = stream.getVideoTracks();
      const pc = new RTCPeerConnection({{ bundlePolicy: 'max-bundle' }});
      const prefer = (transceiver, name) => {{
        const codecs = RTCRtpReceiver.getCapabilities('video').codecs;
        const wanted = codecs.filter(codec => codec.mimeType === 'video/' + name);
        if (!wanted.length) throw new Error('has no ' + name);
        transceiver.setCodecPreferences([...wanted, ...codecs.filter(codec => !wanted.includes(codec))]);
      }};
      try {{
        {body}
        return (await pc.createOffer()).sdp;
      }} catch (error) {{
        return 'none: ' + error.message;
      }} finally {{
        pc.close();
        stream.getTracks().forEach(track => track.stop());
      }}
    }})()"""


async def browsers():
    """From a page of localhost's, for others may have no camera."""

    async def page(_):
        return web.Response(text="<!doctype html>", content_type="text/html")

    async with serving(("GET", "/", page)) as url:
        for kind, name, executable in [(Chromium, "chromium", CHROMIUM), (Firefox, "firefox", FIREFOX)]:
            number = re.search(r"[\d.]+\w*", await printed(executable, "--version")).group()
            browser = await kind().start()
            try:
                opened = await browser.open(url)
                for title, body in SCRIPTS.items():
                    text = await opened.run(script(body))
                    if text.startswith("none: "):
                        print(f"{name} has no {title}: {text[6:]}", file=sys.stderr)
                    else:
                        yield f"{name}-{number}", title, text
            finally:
                await browser.stop()


@contextlib.asynccontextmanager
async def serving(*routes):
    application = web.Application()
    for method, path, handler in routes:
        application.router.add_route(method, path, handler)
    runner = web.AppRunner(application)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://localhost:{port}/"
    finally:
        await runner.cleanup()


# Libraries.


async def aiortc():
    from aiortc import RTCPeerConnection
    from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

    for title, direction in [("publish", "sendonly"), ("publish-both-ways", "sendrecv"), ("watch", "recvonly")]:
        pc = RTCPeerConnection()
        for track, kind in [(AudioStreamTrack(), "audio"), (VideoStreamTrack(), "video")]:
            pc.addTransceiver(kind if direction == "recvonly" else track, direction=direction)
        await pc.setLocalDescription(await pc.createOffer())
        yield f"aiortc-{version('aiortc')}", title, pc.localDescription.sdp
        await pc.close()


async def ffmpeg():
    """Its muxer shows its offer to nobody but an endpoint, and stops where it gets no answer."""
    import av

    offers = asyncio.Queue()

    async def endpoint(request):
        await offers.put(await request.text())
        return web.Response(status=503)

    async with serving(("POST", "/", endpoint)) as url:
        publisher = FFmpegPublisher(url, "none", 1)
        starting = asyncio.create_task(publisher.start())
        text = await asyncio.wait_for(offers.get(), 20)
        with contextlib.suppress(AssertionError):
            await starting
        await publisher.stop()
    yield f"ffmpeg-{av.ffmpeg_version_info}", "publish-h264", text


async def gstreamer():
    # Debian's Python has its bindings.
    told = json.loads((await printed("/usr/bin/python3", str(GSTREAMER))).strip().splitlines()[-1])
    for title, text in told["offers"].items():
        yield f"gstreamer-{told['version']}", title, text


# LiveKit's SDK, between which and the server somebody listens.


async def livekit():
    server = await Apus().start()
    heard = []

    async def relay(request):
        if wrapped := request.query.get("join_request"):
            heard.extend(of_join(wrapped))
        target = f"{server.url}{request.path_qs}"
        headers = {"Authorization": request.headers["Authorization"]} if "Authorization" in request.headers else {}
        async with aiohttp.ClientSession() as http:
            if request.headers.get("Upgrade", "").lower() != "websocket":
                async with http.get(target, headers=headers) as response:
                    return web.Response(status=response.status, body=await response.read())
            near = web.WebSocketResponse()
            await near.prepare(request)
            async with http.ws_connect(target, headers=headers) as far:
                ways = [asyncio.create_task(pour(near, far, heard)), asyncio.create_task(pour(far, near))]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        return near

    try:
        async with serving(("GET", "/{tail:.*}", relay)) as url:
            for protocol, single in [("v0", False), ("v1", True)]:
                heard.clear()
                peer = await LiveKitPeer(protocol).start()
                try:
                    await peer.call("join", 20, url=url.replace("http", "ws").rstrip("/"), token=token("offers", protocol), single=single)
                    await peer.call("publish_tone", 20, frequency=440)
                    await peer.call("publish_video", 20, colour=[200, 60, 60], width=640, height=360)
                    await until(lambda: heard and "a=rid:" in heard[-1], "an offer with its camera", 20)
                finally:
                    await peer.stop()
                for number, text in enumerate(heard, 1):
                    yield f"livekit-rtc-{version('livekit')}", f"room-{protocol}-{number}", text
    finally:
        await server.stop()


async def pour(source, sink, heard=None):
    async for message in source:
        if message.type != aiohttp.WSMsgType.BINARY:
            continue
        if heard is not None:
            request = rtc.SignalRequest.FromString(message.data)
            if request.WhichOneof("message") == "offer":
                heard.append(request.offer.sdp)
        await sink.send_bytes(message.data)


def of_join(text):
    """The offers that a join request holds."""
    wrapped = rtc.WrappedJoinRequest.FromString(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    bytes_ = gzip.decompress(wrapped.join_request) if wrapped.compression == rtc.WrappedJoinRequest.GZIP else wrapped.join_request
    request = rtc.JoinRequest.FromString(bytes_)
    return [request.publisher_offer.sdp] if request.publisher_offer.sdp else []


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
