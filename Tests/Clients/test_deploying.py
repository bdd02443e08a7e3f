"""What Deploying.md says: its files, and its proxies before the server."""

import asyncio
import re
import shutil
import subprocess

import aiohttp
import pytest

from clients.apus import BINARY, REPOSITORY, run_apus
from clients.real_proxy import RealProxy
from clients.waiting import until
from test_web_calls import live

PROXIES = ["nginx", "caddy"]
PAGE = REPOSITORY / "Sources/apus/Apus.docc/Deploying.md"


@pytest.mark.parametrize("kind", PROXIES)
async def test_people_meet_through_a_proxy(apus, tmp_path, guests, kind):
    """From the first page to a call, by HTTPS and WSS only; connections to the proxy have served requests before."""
    async with RealProxy(kind, apus.port, tmp_path) as proxy:
        ada = await guests.chromium(speaks=True, ignore_https_errors=True)
        grace = await guests.chromium(speaks=True, ignore_https_errors=True)
        link = await ada.make_link(proxy.url)
        await ada.join(link, "Ada")
        await grace.join(link, "Grace")
        await live([ada, grace])
        assert await apus.metric("apus_signal_sockets") == 2


@pytest.mark.parametrize("protocol", ["whip", "livekit"])
@pytest.mark.parametrize("kind", PROXIES)
async def test_clients_join_through_a_proxy(apus, tmp_path, kind, protocol):
    """And leave: no session and no socket is left behind."""
    async with RealProxy(kind, apus.port, tmp_path) as proxy:
        status, _, err = await run_apus(
            "load", "--dev", "--url", proxy.url, "--ca-file", str(proxy.certificate), "--protocol", protocol, "--subscribers", "8",
            "--duration", "1s", "--min-delivery", "0.99",
        )  # fmt: skip
        assert status == 0, err
        await until(idle(apus), "all have left", 5)


@pytest.mark.parametrize("kind", PROXIES)
async def test_sockets_open_where_a_proxy_keeps_its_connections(apus, tmp_path, kind):
    """One that has served requests is not made a socket: it is closed, and the proxy takes another."""
    async with RealProxy(f"{kind}_that_keeps", apus.port, tmp_path) as proxy:
        async with proxy.session() as session:
            for _ in range(5):
                answers = await asyncio.gather(*[session.get(proxy.url + "/healthz") for _ in range(4)])
                assert [answer.status for answer in answers] == [200] * 4
        status, _, err = await run_apus(
            "load", "--dev", "--url", proxy.url, "--ca-file", str(proxy.certificate), "--protocol", "livekit", "--subscribers", "8",
            "--duration", "1s",
        )  # fmt: skip
        assert status == 0, err


async def rooms(session, url, count, **headers):
    """The statuses of as many requests for a room, without repetitions."""
    statuses = set()
    for _ in range(count):
        async with session.post(url + "/api/rooms", json={}, headers=headers) as answer:
            statuses.add(answer.status)
    return statuses


@pytest.mark.serve("--trusted-proxies", "127.0.0.1,::1")
@pytest.mark.parametrize("kind", PROXIES)
async def test_limits_are_each_client_s_own_behind_a_trusted_proxy(apus, tmp_path, kind):
    async with RealProxy(kind, apus.port, tmp_path) as proxy:
        async with proxy.session(source="127.0.0.2") as ada, proxy.session(source="127.0.0.3") as bob:
            assert await rooms(ada, proxy.url, 30) == {201}
            assert await rooms(ada, proxy.url, 1) == {429}
            # Nobody gets more by writing the field himself.
            assert await rooms(ada, proxy.url, 1, **{"X-Forwarded-For": "203.0.113.7"}) == {429}
            assert await rooms(bob, proxy.url, 1) == {201}


async def test_nobody_is_believed_who_is_no_trusted_proxy(apus):
    async with aiohttp.ClientSession() as session:
        assert await rooms(session, apus.url, 30) == {201}
        assert await rooms(session, apus.url, 1, **{"X-Forwarded-For": "203.0.113.7"}) == {429}


def idle(apus):
    async def check():
        return await apus.metric("apus_http_sessions") + await apus.metric("apus_signal_sockets") == 0

    return check


async def test_the_page_s_options_are_accepted(tmp_path):
    """Its comments, too, as somebody will want them."""
    options = re.search(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL).group(1)
    wanted = re.sub(r"^# (?=[a-z-]+: )", "", options, flags=re.MULTILINE)
    assert "\nannounce: " in wanted and "\nweb-app: " in wanted
    for text in (options, wanted):
        file = tmp_path / "apus.yaml"
        file.write_text(text)
        free = [f"--{name}={0}" for name in ("port", "udp-port", "tcp-port", "admin-port")]
        status, out, err = await run_apus("check", "--config", str(file), *free)
        assert status == 0, err
        assert "ok      the configuration is complete" in out


def test_the_files_that_the_page_names_are_there():
    named = set(re.findall(r"`(deploy/[^`]+)`", PAGE.read_text()))
    assert {"deploy/apus.service", "deploy/nginx.conf", "deploy/Caddyfile"} <= named
    for name in named:
        assert (REPOSITORY / name).is_file(), name


@pytest.mark.parametrize("is_built", [False, True], ids=["new", "built"])
def test_run_tells_its_help_without_packages_and_without_a_build(tmp_path, is_built):
    """In a copy with nothing on its path that could install or compile."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(REPOSITORY / "deploy/run", tmp_path / "deploy/run")
    if is_built:
        (tmp_path / ".build/release").mkdir(parents=True)
        (tmp_path / ".build/release/apus").symlink_to(BINARY.resolve())
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "dirname", "sed"):
        (tools / tool).symlink_to(shutil.which(tool))
    for arguments in (["--help"], ["--port", "7000", "-h"]):
        ended = subprocess.run(
            [tools / "bash", tmp_path / "deploy/run", *arguments], env={"PATH": str(tools)}, capture_output=True, text=True, timeout=20
        )
        assert ended.returncode == 0 and ended.stderr == "", ended.stderr
        assert "development mode" in ended.stdout and ("--udp-port <port>" in ended.stdout) == is_built
