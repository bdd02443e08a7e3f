"""The server under test: the real binary, on free ports, watched from outside."""

import asyncio
import json
import os
import random
import re
import resource
import signal
import socket
import time
from pathlib import Path

import aiohttp

from .waiting import until

REPOSITORY = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("APUS_BINARY") or REPOSITORY / ".build/release/apus")


handed_out = set()


def free_port(*kinds):
    """A port that is free now for each of `kinds` (TCP when none is given), on every address, and that nobody else was given.

    Below those the kernel hands out by itself, or a browser's socket could take it before the server does.
    """
    for port in random.sample(range(10_000, lowest_ephemeral_port()), 100):
        if port in handed_out:
            continue
        try:
            for kind in kinds or (socket.SOCK_STREAM,):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind(("0.0.0.0", port))
            handed_out.add(port)
            return port
        except OSError:
            continue
    raise AssertionError("100 ports tried, none of them free")


def lowest_ephemeral_port():
    return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


class Apus:
    """One `apus serve --dev` process."""

    def __init__(self, *arguments, log_path=None, descriptor_limit=None):
        self.port, self.tcp_port, self.admin_port = free_port(), free_port(), free_port()
        self.udp_port = free_port(socket.SOCK_DGRAM)
        self.arguments = [
            "serve", "--dev", "--port", str(self.port), "--udp-port", str(self.udp_port), "--tcp-port", str(self.tcp_port),
            "--admin-port", str(self.admin_port), *arguments,
        ]  # fmt: skip
        self.descriptor_limit = descriptor_limit
        self.log_path = Path(log_path) if log_path else None
        self.lines = []
        self.process = None

    @property
    def url(self):
        return f"http://localhost:{self.port}"

    @property
    def admin_url(self):
        return f"http://localhost:{self.admin_port}"

    async def start(self):
        """Returns once /healthz answers 200 on both ports."""
        self.process = await asyncio.create_subprocess_exec(
            str(BINARY), *self.arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            preexec_fn=self.descriptor_limit and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptor_limit,) * 2)),
        )  # fmt: skip
        self._reader = asyncio.create_task(self._read())

        async def ready():
            if self.process.returncode is not None:
                raise AssertionError(f"apus ended with status {self.process.returncode}:\n{self.log}")
            return await self.healthy(self.url) and await self.healthy(self.admin_url)

        await until(ready, "apus answers /healthz", timeout=20, every=0.05)
        return self

    async def _read(self):
        log = self.log_path.open("w") if self.log_path else None
        while line := await self.process.stdout.readline():
            text = line.decode(errors="replace").rstrip("\n")
            self.lines.append(text)
            if log:
                log.write(text + "\n")
                log.flush()
        if log:
            log.close()

    @property
    def log(self):
        return "\n".join(self.lines)

    @staticmethod
    async def healthy(url):
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
                async with session.get(url + "/healthz") as response:
                    return response.status == 200
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError):
            return False

    async def stop(self, timeout=15):
        """SIGTERM, then the exit status; a server that does not end is killed, and that is a failure."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = await asyncio.wait_for(self.process.wait(), timeout)
        except asyncio.TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise AssertionError(f"apus did not end within {timeout} s of SIGTERM:\n{self.log}") from None
        await self._reader
        return status

    # What it costs, as the kernel counts it.

    def resident_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # What it says of itself.

    async def _ask(self, path):
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            async with session.get(self.admin_url + path) as response:
                assert response.status == 200, f"{path} answers {response.status}"
                return await response.text()

    async def metrics(self):
        """`/metrics` as `{(name, frozenset(labels)): value}`."""
        return parse_metrics(await self._ask("/metrics"))

    async def explain(self, room):
        """What each subscription in the room gets, and why."""
        return json.loads(await self._ask(f"/explain/{room}"))["subscriptions"]

    async def metric(self, name, **labels):
        """The sum of the samples of `name` that carry all of `labels`; 0 when there is none."""
        return sum_metric(await self.metrics(), name, **labels)


def parse_metrics(text):
    samples = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        match = re.fullmatch(r"([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+\d+)?", line)
        assert match, f"no Prometheus text: {line!r}"
        labels = frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match.group(2) or ""))
        samples[match.group(1), labels] = float(match.group(3))
    return samples


def sum_metric(samples, name, **labels):
    wanted = set(labels.items())
    return sum(value for (sample, found), value in samples.items() if sample == name and wanted <= found)


async def run_apus(*arguments, timeout=30, environment=None):
    """Runs `apus` to its end; returns (status, standard output, standard error)."""
    process = await asyncio.create_subprocess_exec(
        str(BINARY), *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(process.communicate(), timeout)
    except asyncio.TimeoutError:
        process.kill()
        out, err = await process.communicate()
        raise AssertionError(f"apus {' '.join(arguments)} did not end within {timeout} s:\n{out.decode()}{err.decode()}") from None
    return process.returncode, out.decode(), err.decode()


def seconds_since(instant):
    return time.monotonic() - instant
