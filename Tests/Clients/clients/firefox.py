"""Debian's Firefox, driven by WebDriver BiDi over its own WebSocket: no geckodriver needed."""

import asyncio
import itertools
import json
import re
import shutil
import tempfile
from pathlib import Path

import websockets

from .page import Browser, MediaPage, as_json, from_json

EXECUTABLE = "/usr/bin/firefox-esr"
PREFERENCES = {
    # Fake camera and microphone, and no question whether they may be used.
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    # Server and browser share this machine.
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.peerconnection.ice.loopback": True,
    # Nothing to fetch, nothing to ask, nothing to report.
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "media.gmp-manager.url": "",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "dom.min_background_timeout_value": 4,
}


class BiDiError(Exception):
    pass


class FirefoxPage(MediaPage):
    def __init__(self, browser, context):
        self.browser, self.context = browser, context

    async def run(self, expression):
        result = await self.browser.command(
            "script.evaluate",
            {"expression": as_json(expression), "target": {"context": self.context}, "awaitPromise": True, "userActivation": True},
        )
        if result["type"] != "success":
            raise BiDiError(result.get("exceptionDetails", {}).get("text", str(result)))
        return from_json(result["result"].get("value"))

    async def close(self):
        await self.browser.command("browsingContext.close", {"context": self.context})


class Firefox(Browser):
    async def start(self):
        self.profile = Path(tempfile.mkdtemp(prefix="apus-firefox-"))
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
        (self.profile / "user.js").write_text("\n".join(lines) + "\n")
        self.process = await asyncio.create_subprocess_exec(
            EXECUTABLE, "--headless", "--no-remote", "--profile", str(self.profile), "--remote-debugging-port", "0", "about:blank",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        address = await asyncio.wait_for(self._listening(), 60)
        self._errors = asyncio.create_task(self._drain())
        self.socket = await websockets.connect(address + "/session", max_size=None)
        self._ids, self._waiting = itertools.count(1), {}
        self._replies = asyncio.create_task(self._receive())
        await self.command("session.new", {"capabilities": {}})
        return self

    async def _listening(self):
        while line := await self.process.stderr.readline():
            if match := re.search(r"WebDriver BiDi listening on (ws://\S+)", line.decode(errors="replace")):
                return match.group(1)
        raise BiDiError("Firefox ended before it listened")

    async def _drain(self):
        while await self.process.stderr.readline():
            pass

    async def _receive(self):
        async for message in self.socket:
            reply = json.loads(message)
            waiting = self._waiting.pop(reply.get("id"), None)
            if waiting is None or waiting.done():
                continue
            if reply["type"] == "success":
                waiting.set_result(reply["result"])
            else:
                waiting.set_exception(BiDiError(f"{reply.get('error')}: {reply.get('message')}"))

    async def command(self, method, parameters, timeout=30):
        number = next(self._ids)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        return await asyncio.wait_for(self._waiting[number], timeout)

    async def open(self, url):
        context = (await self.command("browsingContext.create", {"type": "tab"}))["context"]
        await self.command("browsingContext.navigate", {"context": context, "url": url, "wait": "complete"})
        return FirefoxPage(self, context)

    async def stop(self):
        try:
            await self.command("browser.close", {}, timeout=10)
        except (BiDiError, asyncio.TimeoutError, websockets.WebSocketException):
            pass
        for task in (self._replies, self._errors):
            task.cancel()
        try:
            await asyncio.wait_for(self.process.wait(), 10)
        except asyncio.TimeoutError:
            self.process.kill()
            await self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)
