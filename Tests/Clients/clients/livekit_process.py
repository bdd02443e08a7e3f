"""LiveKit's Python SDK in a process of its own, seen from the test: commands are awaited calls, and so are events."""

import asyncio
import itertools
import json
import sys
from pathlib import Path

from .tokens import token
from .waiting import until

# `single_peer_connection`: one RTCPeerConnection (/rtc/v1), or two (/rtc).
VERSIONS = {"v1": True, "v0": False}


class SDKError(Exception):
    """What the SDK raised, by the name of its class and its sentence."""


class LiveKitPeer:
    def __init__(self, identity):
        self.identity = identity
        self.events, self.process = [], None
        self._numbers, self._answers, self._changed = itertools.count(1), {}, asyncio.Event()
        self._complaints = b""

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "clients.livekit_peer", cwd=Path(__file__).resolve().parents[1],
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._readers = [asyncio.create_task(self._read()), asyncio.create_task(self._read_complaints())]
        return self

    async def _read(self):
        while line := await self.process.stdout.readline():
            message = json.loads(line)
            if "event" in message:
                self.events.append(message)
                self._changed.set()
            elif not (answer := self._answers.pop(message["id"])).done():
                answer.set_result(message)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(AssertionError(f"{self.identity}: the SDK's process ended"))

    async def _read_complaints(self):
        while more := await self.process.stderr.read(4096):
            self._complaints = (self._complaints + more)[-8000:]

    async def stop(self):
        """Leaves, and lets the process end. One that ended before, or does not end, fails the test: the SDK aborts on wrong answers."""
        if self.process.returncode is None:
            self.process.stdin.close()
        try:
            status = await asyncio.wait_for(self.process.wait(), 10)
        except asyncio.TimeoutError:
            self.process.kill()
            status = f"{await self.process.wait()}, killed: it did not end by itself"
        await asyncio.gather(*self._readers, return_exceptions=True)
        assert status == 0, f"{self.identity}: the SDK's process ended with status {status}:\n{self._complaints.decode(errors='replace')}"

    # Commands.

    async def call(self, do, /, timeout=15, **arguments):
        """Performs `do` (a method of livekit_peer.Peer); raises SDKError when the SDK did."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self.process.stdin.write(json.dumps({"id": number, "do": do, **arguments}).encode() + b"\n")
        try:
            message = await asyncio.wait_for(answer, timeout)
        except asyncio.TimeoutError:
            raise AssertionError(f"{self.identity}: {do} did not end within {timeout:g} s") from None
        if "error" in message:
            raise SDKError(message["error"])
        return message["result"]

    async def join(self, server, room, version="v1", access_token=None, timeout=15, **options):
        url = server.url.replace("http", "ws", 1)
        access_token = access_token or token(room, self.identity)
        return await self.call("join", timeout, url=url, token=access_token, single=VERSIONS[version], **options)

    async def event(self, kind, /, timeout=10, **matching):
        """The first event of that name and those fields that was not asked for yet; waits for it."""

        def find():
            for index, event in enumerate(self.events):
                if event["event"] == kind and matching.items() <= event.items():
                    return self.events.pop(index)
            return None

        try:
            async with asyncio.timeout(timeout):
                while not (found := find()):
                    self._changed.clear()
                    await self._changed.wait()
                return found
        except TimeoutError:
            happened = "\n".join(map(str, self.events[-20:]))
            raise AssertionError(f"{self.identity}: no {kind} {matching} within {timeout:g} s; there were:\n{happened}") from None

    def count(self, kind, /, **matching):
        """How many such events came and were not asked for."""
        return sum(event["event"] == kind and matching.items() <= event.items() for event in self.events)

    # What it hears and sees.

    async def hears(self, identity, frequency, timeout=10):
        """Awaits `identity`'s tone: within 5 Hz, and clearly above the rest."""
        report = None

        async def tone():
            nonlocal report
            report = await self.call("heard", identity=identity)
            if not report or report["seconds"] < 0.4 or report["level"] < 0.05:
                return False
            return abs(report["frequency"] - frequency) <= 5 and report["clearness"] > 10

        try:
            await until(tone, f"{self.identity} hears {frequency} Hz from {identity}", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}; it hears {report}") from None
        return report

    async def hears_nothing(self, identity, timeout=5):
        async def silence():
            report = await self.call("heard", identity=identity)
            return report is None or report["level"] < 0.003

        await until(silence, f"{self.identity} no longer hears {identity}", timeout)

    async def sees(self, identity, size=None, colour=None, more=5, timeout=10, tolerance=12):
        """Awaits `more` frames of `identity` than there were, the last of that size and near that colour."""
        report, first = None, None

        async def picture():
            nonlocal report, first
            report = await self.call("seen", identity=identity)
            if not report or not report["frames"]:
                return None
            first = report["frames"] if first is None else first
            return (
                report["frames"] >= first + more
                and (size is None or report["size"] == list(size))
                and (colour is None or all(abs(a - b) <= tolerance for a, b in zip(report["colour"], colour)))
            )

        try:
            await until(picture, f"{self.identity} sees {more} more frames of {identity}, {size} {colour}", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}; it sees {report}") from None
        return report
