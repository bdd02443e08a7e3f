"""Hosts and wires of a test's own: network namespaces, joined by veth pairs. Needs root; nothing of it outlives the test."""

import contextlib
import copy
import ctypes
import itertools
import os
import subprocess

from .apus import Apus
from .chromium import Chromium

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
NUMBERS = itertools.count(1)


def run(*command, given=None):
    """Runs to the end; returns the standard output."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, f"{' '.join(command)} ended with status {done.returncode}: {done.stderr}"
    return done.stdout


def enter(descriptor):
    if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Host:
    """A network namespace: interfaces, routes and packet filter of its own, and what is started inside."""

    def __init__(self, name):
        self.name = f"apus-{os.getpid()}-{next(NUMBERS)}-{name}"
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def run(self, *command, given=None):
        return run("ip", "netns", "exec", self.name, *command, given=given)

    def ip(self, *arguments):
        return run("ip", "-n", self.name, *arguments)

    def add(self, address, device):
        """`address` with its prefix length. IPv6 is used at once: nobody else can have it."""
        self.ip("address", "add", address, "dev", device, *(["nodad"] if ":" in address else []))

    def remove(self, address, device):
        self.ip("address", "delete", address, "dev", device)

    def route(self, via, to="default"):
        self.ip("route", "add", to, "via", via)

    def forwards(self):
        """A router."""
        self.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")

    def filter(self, rules):
        """Loads nftables rules."""
        self.run("nft", "-f", "-", given=rules)

    def counted(self, counter):
        """The packets that a named counter of table `inet test` has seen."""
        words = self.run("nft", "list", "counter", "inet", "test", counter).split()
        return int(words[words.index("packets") + 1])

    @contextlib.contextmanager
    def inside(self):
        """This thread's new sockets and child processes belong to the host."""
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            there = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                enter(there)
                yield
            finally:
                enter(outside)
                os.close(there)
        finally:
            os.close(outside)

    def delete(self):
        run("ip", "netns", "delete", self.name)


class PlacedApus(Apus):
    """A server on a host, where `address` is one of its addresses. Addresses are written out: resolving is not the namespaces' affair."""

    def __init__(self, host, address, *arguments, log_path):
        with host.inside():
            # The browsers go without a word, and nobody is to wait for them.
            super().__init__("--bind", "::", "--drain-timeout", "200ms", *arguments, log_path=log_path)
        self.host, self.address = host, address

    @property
    def url(self):
        return f"http://[{self.address}]:{self.port}" if ":" in self.address else f"http://{self.address}:{self.port}"

    def seen_at(self, address):
        """The same server, for pages that reach it by another of its addresses."""
        other = copy.copy(self)
        other.address = address
        return other

    @property
    def admin_url(self):
        return f"http://127.0.0.1:{self.admin_port}"

    async def start(self):
        with self.host.inside():
            return await super().start()

    async def _ask(self, path):
        with self.host.inside():
            return await super()._ask(path)


class Network:
    """Makes hosts and wires, starts servers and browsers on them, and takes all of it down again, whatever happened."""

    def __init__(self, log_path):
        assert os.geteuid() == 0, "tests with network namespaces need root, as CI has it"
        self._log_path, self._hosts, self._browsers, self._servers = log_path, [], [], []

    def hosts(self, *names):
        made = []
        for name in names:
            made.append(Host(name))
            self._hosts.append(made[-1])
        return made

    def wire(self, one, device, other, other_device):
        run("ip", "link", "add", device, "netns", one.name, "type", "veth", "peer", "name", other_device, "netns", other.name)
        one.ip("link", "set", device, "up")
        other.ip("link", "set", other_device, "up")

    async def apus(self, host, address, *arguments):
        server = PlacedApus(host, address, *arguments, log_path=self._log_path)
        self._servers.append(server)
        return await server.start()

    async def browser(self, host, *urls, kind=Chromium):
        """A browser on `host`, that trusts pages from `urls` as those from localhost: others get no camera and reach no private address."""
        browser = kind(*(["--unsafely-treat-insecure-origin-as-secure=" + ",".join(urls)] if urls else []))
        with host.inside():
            await browser.start()
        self._browsers.append(browser)
        return browser

    async def close(self):
        async with contextlib.AsyncExitStack() as undoing:
            for host in self._hosts:
                undoing.callback(host.delete)
            for server in self._servers:
                undoing.push_async_callback(self._stop, server)
            for browser in self._browsers:
                undoing.push_async_callback(browser.stop)

    @staticmethod
    async def _stop(server):
        crashed = server.process.returncode
        assert crashed is None, f"apus ended during the test, with status {crashed}:\n{server.log[-4000:]}"
        status = await server.stop()
        assert status == 0, f"apus ended with status {status} after SIGTERM:\n{server.log[-4000:]}"
