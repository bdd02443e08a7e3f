"""The servers that are compared: each is started alone, speaks WHIP and WHEP (but the floor), and ends by its process id."""

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from .measuring import package_version

BENCHMARKS = Path(__file__).resolve().parent.parent
# All above 20000, in a network namespace of the benchmark's own.
HTTP, MEDIA, TCP, ADMIN, JANUS_HTTP, MEDIA_RANGE = 21000, 21001, 21002, 21003, 21004, "22000-29999"
ROOM = "fanout"


class Server:
    """`pid` is whose CPU is counted; `url` answers /whip/{room} and /whep/{room}."""

    name = ""
    url = f"http://127.0.0.1:{HTTP}"

    def __init__(self, directory, address):
        self.directory, self.address, self.processes = Path(directory), address, []

    def spawn(self, *command, environment=None, log):
        with (self.directory / log).open("w") as file:
            process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, env=os.environ | (environment or {})
            )
        self.processes.append(process)
        return process

    def wait_for(self, process, log, is_ready, patience=20):
        deadline = time.monotonic() + patience
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{self.name} does not start:\n{(self.directory / log).read_text()[-2000:]}")
            time.sleep(0.05)

    def said(self, log, word):
        return lambda: word in (self.directory / log).read_text()

    def answers(self, url):
        def ask():
            try:
                return urllib.request.urlopen(url, timeout=2).status == 200
            except OSError:
                return False

        return ask

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []

    def token(self, identity, **grants):
        return "none"

    def post(self, kind, identity, offer, **grants):
        """The answer to an offer, by WHIP or WHEP."""
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {self.token(identity, **grants)}"}
        request = urllib.request.Request(f"{self.url}/{kind}/{ROOM}", offer.encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.read().decode()
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{self.name} answers {kind} with {error.code}: {error.read().decode()}") from None


class Floor(Server):
    name = "floor"

    def __init__(self, directory, address, binaries, suite, feedback, base_port):
        super().__init__(directory, address)
        work = "plain" if feedback == "off" else "feedback"
        self.command = lambda subscribers: [binaries / "floor", address, MEDIA, subscribers, base_port, suite, work]

    def start(self, subscribers):
        process = self.spawn(*self.command(subscribers), log="floor.log")
        self.wait_for(process, "floor.log", self.said("floor.log", "ready"))
        self.pid = process.pid

    def version(self):
        return f"Benchmarks/floor, libipsec-mb {package_version('libipsec-mb1')}"


class Apus(Server):
    name = "apus"
    key, secret = "fanout", "a secret of thirty-two letters or more"

    def __init__(self, directory, address, binary, workers=1):
        super().__init__(directory, address)
        self.binary, self.workers = binary, workers

    def start(self, subscribers):
        ports = ["--port", HTTP, "--udp-port", MEDIA, "--tcp-port", TCP, "--admin-port", ADMIN]
        limits = ["--workers", self.workers, "--max-participants", min(10_000, subscribers + 10)]
        process = self.spawn(
            self.binary, "serve", *ports, *limits, "--bind", "127.0.0.1", "--announce", self.address, "--keys", f"{self.key}: {self.secret}",
            "--drain-timeout", "1s", "--log-level", "warning", log="apus.log",
        )  # fmt: skip

        self.wait_for(process, "apus.log", self.answers(f"http://127.0.0.1:{ADMIN}/healthz"))
        self.pid = process.pid

    def token(self, identity, **grants):
        now = int(time.time())
        claims = {"iss": self.key, "sub": identity, "nbf": now - 5, "exp": now + 3600, "video": {"roomJoin": True, "room": ROOM, **grants}}
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
        signature = hmac.new(self.secret.encode(), b".".join(parts), hashlib.sha256).digest()
        return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()

    def version(self):
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=BENCHMARKS, stdout=subprocess.PIPE, text=True).stdout.strip()
        return f"commit {commit}, {self.workers} worker{'s' if self.workers > 1 else ''}"


class Janus(Server):
    """As Debian ships it: its configuration, with ICE lite, a port range, and no transport but HTTP on loopback."""

    name = "janus"
    tuning, library = {}, None

    def start(self, subscribers):
        configuration = self.directory / "configuration"
        shutil.rmtree(configuration, ignore_errors=True)
        shutil.copytree("/etc/janus", configuration)
        edit(configuration / "janus.jcfg", "media", {"rtp_port_range": f'"{MEDIA_RANGE}"'})
        edit(configuration / "janus.jcfg", "nat", {"ice_lite": "true"})
        others = ",".join(f"libjanus_{name}.so" for name in ("mqtt", "nanomsg", "pfunix", "rabbitmq", "websockets"))
        edit(configuration / "janus.jcfg", "transports", {"disable": f'"{others}"'})
        edit(configuration / "janus.jcfg", "general", self.tuning)
        edit(configuration / "janus.transport.http.jcfg", "general", {"port": str(JANUS_HTTP), "ip": '"127.0.0.1"'})
        environment = {"LD_LIBRARY_PATH": str(self.library)} if self.library else None
        process = self.spawn("janus", "--configs-folder", configuration, "--disable-colors", environment=environment, log="janus.log")

        self.wait_for(process, "janus.log", self.answers(f"http://127.0.0.1:{JANUS_HTTP}/janus/info"))
        self.pid = process.pid
        words = ["--port", HTTP, "--janus", f"http://127.0.0.1:{JANUS_HTTP}/janus"]
        adapter = self.spawn(BENCHMARKS / "janus/whip-adapter", *words, log="adapter.log")
        self.wait_for(adapter, "adapter.log", self.said("adapter.log", "ready"))

    def version(self):
        return f"Janus {package_version('janus')}, libsrtp2 {package_version('libsrtp2-1')} on NSS, libnice {package_version('libnice10')}"


class TunedJanus(Janus):
    """Two event loops for all clients instead of a thread for each, and a libsrtp2 that was built with OpenSSL."""

    name = "janus-tuned"
    tuning = {"event_loops": "2"}

    def start(self, subscribers):
        build = subprocess.run([BENCHMARKS / "janus/build-libsrtp2"], stdout=subprocess.PIPE, text=True, check=True)
        self.library = Path(build.stdout.strip())
        super().start(subscribers)
        if str(self.library) not in Path(f"/proc/{self.pid}/maps").read_text():
            raise SystemExit("Janus did not take the libsrtp2 that was built for it.")

    def version(self):
        return f"Janus {package_version('janus')}, event_loops = 2, libsrtp2 {package_version('libsrtp2-1')} built with OpenSSL"


def edit(path, section, values):
    """Sets keys of a section in a shipped file, where they stand commented out or with another value, or as its first."""
    text = path.read_text()
    begin = re.search(rf"(?m)^{section}: {{\n", text).end()
    end = text.index("\n}", begin)
    body = text[begin:end]
    for key, value in values.items():
        line, pattern = f"\t{key} = {value}", re.compile(rf"(?m)^\s*#?{key} = .*$")
        body = pattern.sub(lambda _: line, body, count=1) if pattern.search(body) else f"{line}\n{body}"
    path.write_text(text[:begin] + body + text[end:])
