"""One client of LiveKit's Python SDK, driven by lines of JSON: `python -m clients.livekit_peer`.

Read: `{"id": 1, "do": "join", …}`. Written: `{"id": 1, "result": …}` or `{"id": 1, "error": "…"}`, and `{"event": "track_muted", …}`
for what the room reports. A wrong answer of the server aborts the process (the SDK's core is Rust), so each client has one of its own.
"""

import asyncio
import json
import math
import os
import sys

from livekit import rtc

from .senses import Ear, Eye

SAMPLE_RATE, BLOCK = 48000, 480


class Peer:
    """What the lines ask for: one method each, named as in `do`."""

    def __init__(self, write):
        self.write = write
        self.room = None
        self.senses, self.local, self.listening = {}, {}, {}

    # Joining and leaving.

    async def join(self, url, token, single=None, auto_subscribe=True, connect_timeout=None, dynacast=False):
        """A new room object each time, as an application does; returns what a person would be told on entering."""
        self.room = rtc.Room()
        self.watch(self.room)
        options = rtc.RoomOptions(single_peer_connection=single, auto_subscribe=auto_subscribe, connect_timeout=connect_timeout, dynacast=dynacast)
        await self.room.connect(url, token, options)
        return {"sid": self.room.local_participant.sid, "room": self.room.name, "others": self.others()}

    async def leave(self):
        await self.forget_all()
        if self.room:
            await self.room.disconnect()

    def numbers(self):
        return [self.room.num_participants, self.room.num_publishers]

    def others(self):
        return {identity: described(participant) for identity, participant in self.room.remote_participants.items()}

    # Publishing.

    async def publish_tone(self, frequency, name="microphone"):
        source = rtc.AudioSource(SAMPLE_RATE, 1)
        track = rtc.LocalAudioTrack.create_audio_track(name, source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        return await self.publish(track, options, lambda: self.sing(source, frequency))

    async def publish_video(self, colour, width, height, simulcast=True, rate=10, name="camera", codec="VP8", scalability=None):
        source = rtc.VideoSource(width, height)
        track = rtc.LocalVideoTrack.create_video_track(name, source)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA, simulcast=simulcast, video_codec=rtc.VideoCodec.Value(codec), scalability_mode=scalability
        )
        return await self.publish(track, options, lambda: self.paint(source, colour, width, height, rate))

    async def publish(self, track, options, play):
        task = asyncio.ensure_future(play())
        try:
            publication = await self.room.local_participant.publish_track(track, options)
        except BaseException:
            task.cancel()
            raise
        # By the track and not by its sid: a full reconnect publishes it again, under another sid.
        self.local[publication.name] = (publication, track, task)
        return publication.sid

    async def unpublish(self, name):
        publication, _, task = self.local.pop(name)
        task.cancel()
        await self.room.local_participant.unpublish_track(publication.sid)

    async def subscribed_by_somebody(self, name):
        """Returns when the server says that somebody gets it."""
        await self.local[name][0].wait_for_subscription()

    def permit(self, identities):
        """Nobody but these may have anything that is published."""
        permissions = [rtc.ParticipantTrackPermission(participant_identity=identity, allow_all=True) for identity in identities]
        self.room.local_participant.set_track_subscription_permissions(allow_all_participants=False, participant_permissions=permissions)

    def permit_all(self):
        self.room.local_participant.set_track_subscription_permissions(allow_all_participants=True)

    def may_publish_data(self):
        return self.room.local_participant.permissions.can_publish_data

    def mute(self, name):
        self.local[name][1].mute()

    def unmute(self, name):
        self.local[name][1].unmute()

    @staticmethod
    async def sing(source, frequency):
        played = 0
        while True:
            block = rtc.AudioFrame.create(SAMPLE_RATE, 1, BLOCK)
            for i in range(BLOCK):
                block.data[i] = int(10000 * math.sin(2 * math.pi * frequency * (played + i) / SAMPLE_RATE))
            played += BLOCK
            await source.capture_frame(block)  # waits while the source's queue is full: real time

    @staticmethod
    async def paint(source, colour, width, height, rate):
        frame = rtc.VideoFrame(width, height, rtc.VideoBufferType.RGBA, bytes([*colour, 255]) * (width * height))
        frame = frame.convert(rtc.VideoBufferType.I420)
        while True:
            source.capture_frame(frame)
            await asyncio.sleep(1 / rate)

    # Subscribing, and what arrives.

    def subscribe(self, identity, name, wanted):
        self.remote(identity, name).set_subscribed(wanted)

    def quality(self, identity, name, quality):
        self.picture(identity, name).set_video_quality(getattr(rtc.VideoQuality, f"VIDEO_QUALITY_{quality.upper()}"))

    def remote(self, identity, name):
        """By the name of the track, or its sid: browsers give none a name."""
        publications = self.room.remote_participants[identity].track_publications.values()
        return next(publication for publication in publications if name in (publication.name, publication.sid))

    def picture(self, identity, name):
        """By its name, or its sid; clients may call sound and picture alike."""
        publications = self.room.remote_participants[identity].track_publications.values()
        pictures = [publication for publication in publications if publication.kind == rtc.TrackKind.KIND_VIDEO]
        return next(publication for publication in pictures if name in (publication.name, publication.sid))

    async def sent(self, name):
        """What leaves of a picture: codec, and each layer's width, mode of scalability and frames, the smallest first."""
        report = await self.local[name][1].get_stats()
        layers = [entry.outbound_rtp.outbound for entry in report if entry.HasField("outbound_rtp")]
        return {"codec": codec_in(report), "layers": sorted([layer.frame_width, layer.scalability_mode, layer.frames_encoded] for layer in layers)}

    async def received(self, identity, name):
        """What arrives of a picture, as the decoder tells it."""
        report = await self.picture(identity, name).track.get_stats()
        inbound = next(entry.inbound_rtp.inbound for entry in report if entry.HasField("inbound_rtp"))
        return {
            "codec": codec_in(report), "frames": inbound.frames_decoded, "freezes": inbound.freeze_count, "plis": inbound.pli_count,
            "width": inbound.frame_width, "frozen": inbound.total_freeze_duration,
        }  # fmt: skip

    def heard(self, identity):
        return self.sensed(identity, Ear)

    def seen(self, identity):
        return self.sensed(identity, Eye)

    def sensed(self, identity, kind):
        found = [sense for owner, sense in self.senses.values() if owner == identity and isinstance(sense, kind)]
        return found[-1].report() if found else None

    # What the room reports.

    def watch(self, room):
        def on(event, describe):
            room.on(event, lambda *arguments: self.write({"event": event, **describe(*arguments)}))

        for event in ("participant_connected", "participant_disconnected"):
            on(event, lambda participant: {"identity": participant.identity, "sid": participant.sid})
        for event in ("track_published", "track_unpublished"):
            on(event, lambda publication, participant: {"identity": participant.identity, "name": publication.name, "sid": publication.sid})
        for event in ("track_muted", "track_unmuted"):
            on(event, lambda participant, publication: {"identity": participant.identity, "name": publication.name})
        for event in ("connected", "reconnecting", "reconnected"):
            on(event, lambda: {})
        on("disconnected", lambda reason: {"reason": rtc.DisconnectReason.Name(reason)})
        on("active_speakers_changed", lambda speakers: {"speakers": [speaker.identity for speaker in speakers]})
        on("track_subscription_failed", lambda participant, sid, error: {"identity": participant.identity, "sid": sid, "error": error})
        room.on("track_subscribed", self.subscribed)
        room.on("track_unsubscribed", self.unsubscribed)

    def subscribed(self, track, publication, participant):
        is_audio = track.kind == rtc.TrackKind.KIND_AUDIO
        sense = Ear() if is_audio else Eye()
        stream = rtc.AudioStream(track, sample_rate=SAMPLE_RATE, num_channels=1) if is_audio else rtc.VideoStream(track, capacity=2)
        self.senses[publication.sid] = (participant.identity, sense)
        self.listening[publication.sid] = asyncio.ensure_future(feed(stream, sense))
        kind = "audio" if is_audio else "video"
        self.write({"event": "track_subscribed", "identity": participant.identity, "name": publication.name, "sid": publication.sid, "kind": kind})

    def unsubscribed(self, track, publication, participant):
        self.write({"event": "track_unsubscribed", "identity": participant.identity, "name": publication.name, "sid": publication.sid})
        self.senses.pop(publication.sid, None)
        if task := self.listening.pop(publication.sid, None):
            task.cancel()

    async def forget_all(self):
        tasks = [*self.listening.values(), *(task for _, _, task in self.local.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.senses, self.local, self.listening = {}, {}, {}


async def feed(stream, sense):
    async for event in stream:
        sense.take(event.frame)


def codec_in(report):
    """The codec that a report's stream uses, or None as long as none does."""
    streams = [getattr(entry, kind).stream for entry in report for kind in ("inbound_rtp", "outbound_rtp") if entry.HasField(kind)]
    codecs = {entry.codec.rtc.id: entry.codec.codec.mime_type for entry in report if entry.HasField("codec")}
    return codecs.get(streams[0].codec_id) if streams else None


def described(participant):
    tracks = participant.track_publications.values()
    return {
        "sid": participant.sid,
        "name": participant.name,
        "kind": rtc.ParticipantKind.Name(participant.kind).removeprefix("PARTICIPANT_KIND_").lower(),
        "tracks": {track.name: {"sid": track.sid, "muted": track.muted, "subscribed": track.subscribed} for track in tracks},
    }


async def serve():
    def write(message):
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    async def perform(command):
        number, method = command.pop("id"), getattr(peer, command.pop("do"))
        try:
            result = method(**command)
            write({"id": number, "result": await result if asyncio.iscoroutine(result) else result})
        except Exception as error:  # whatever the SDK raises is an answer
            write({"id": number, "error": f"{type(error).__name__}: {getattr(error, 'message', None) or error}"})

    peer = Peer(write)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = set()
    while line := await reader.readline():
        task = asyncio.ensure_future(perform(json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)
    await peer.leave()


if __name__ == "__main__":
    asyncio.run(serve())
    # The SDK's threads may outlive the room; an abort before this line is what the other side looks for.
    os._exit(0)
