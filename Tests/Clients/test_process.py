"""Starting, refusing to start, and ending: what an operator meets."""

import asyncio
import os
import re
import signal
import socket

import aiohttp
import jwt
import pytest

from clients.apus import Apus, free_port, run_apus
from clients.rtc import Publisher
from clients.tokens import token
from clients.waiting import until


async def test_sigterm_ends_an_idle_server_at_once(apus):
    began = asyncio.get_running_loop().time()
    assert await asyncio.wait_for(terminate(apus, signal.SIGTERM), 10) == 0
    assert asyncio.get_running_loop().time() - began < 2
    await apus_again(apus)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_signal_drains_a_busy_server(apus, closing, number):
    """With somebody connected it ends within the drain timeout, with status 0."""
    closing(await Publisher().start(f"{apus.url}/whip/busy", token("busy", "publisher")))
    assert await asyncio.wait_for(terminate(apus, number), 12) == 0
    await apus_again(apus)


async def test_a_second_signal_ends_it_at_once(apus, closing):
    closing(await Publisher().start(f"{apus.url}/whip/busy", token("busy", "publisher")))
    apus.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.3)
    if apus.process.returncode is None:
        apus.process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(apus.process.wait(), 2)
    await apus_again(apus)


async def terminate(apus, number):
    apus.process.send_signal(number)
    return await apus.process.wait()


async def apus_again(apus):
    """The fixture expects a server that runs: the same ports, which must be free again."""
    await apus._reader
    await apus.start()


async def test_no_number_of_connections_takes_the_last_descriptor():
    """The runtime needs one now and then, and ends the process where there is none. The operator's port answers all the while."""
    server = await Apus(descriptor_limit=512).start()
    crowd = []
    try:
        for host in range(2, 6):
            for port in [server.port] * 150 + [server.tcp_port] * 50:
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(f"127.0.0.{host}", 0))
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                crowd.append((reader, writer))
        # The port for media closes what is no ICE.
        heads = [asyncio.wait_for(reader.read(12), 5) for reader, _ in crowd]
        answers = await asyncio.gather(*heads, return_exceptions=True)
        assert 100 < answers.count(b"HTTP/1.1 200") < 300 and answers.count(b"HTTP/1.1 503") > 0
        assert len(os.listdir(f"/proc/{server.process.pid}/fd")) < 512 - 128
        assert await server.healthy(server.admin_url) and not await server.healthy(server.url)
    finally:
        for _, writer in crowd:
            writer.close()

    async def back():
        return await server.healthy(server.url)

    await until(back, "there is room again")
    assert "as many connections as it takes" in server.log
    assert await server.stop() == 0


PORTS = {"--port": "port", "--udp-port": "udp_port", "--tcp-port": "tcp_port", "--admin-port": "admin_port"}


@pytest.mark.parametrize("flag", PORTS)
async def test_a_port_in_use_is_named_with_its_flag(apus, flag):
    """Exit status 69, and a sentence with the port and the flag that changes it."""
    other = Apus(flag, str(getattr(apus, PORTS[flag])))
    status, out, err = await run_apus(*other.arguments)
    assert status == 69, (status, out, err)
    assert flag in out + err and str(getattr(apus, PORTS[flag])) in out + err


MISTAKES = {
    "an unknown key": ("port: 7880\nprot: 7881\n", "2", "prot"),
    "a word for a number": ("# comment\n\nudp-port: many\n", "3", "udp-port"),
    "a port out of range": ("tcp-port: 70000\n", "1", "tcp-port"),
    "no YAML": ("port: [1\n", None, None),
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_in_the_file_is_named_with_its_line(tmp_path, mistake):
    text, line, word = MISTAKES[mistake]
    file = tmp_path / "apus.yaml"
    file.write_text(text)
    status, out, err = await run_apus("serve", "--dev", "--config", str(file))
    assert status == 78, (status, out, err)
    assert "apus.yaml" + (f":{line}" if line else "") in err, err
    assert word is None or word in err, err


async def test_a_mistake_in_the_environment_is_named(tmp_path):
    status, _, err = await run_apus("serve", "--dev", environment={"APUS_UDP_PORT": "many"})
    assert status == 78, err
    assert "APUS_UDP_PORT" in err


async def test_a_file_that_is_not_there_is_named():
    status, _, err = await run_apus("serve", "--dev", "--config", "/nowhere/apus.yaml")
    assert status == 78, err
    assert "/nowhere/apus.yaml" in err


async def test_it_refuses_to_start_without_keys_and_says_what_to_do():
    status, _, err = await run_apus("serve")
    assert status == 78, err
    assert "--keys" in err and "--dev" in err


@pytest.mark.parametrize("arguments", [["serve", "--no-such-flag"], ["no-such-command"], ["token", "--dev"]], ids=" ".join)
async def test_wrong_usage_exits_with_64(arguments):
    status, out, err = await run_apus(*arguments)
    assert status == 64, (out, err)


async def test_a_token_and_nothing_else_is_printed(apus, closing):
    status, out, _ = await run_apus("token", "--dev", "--room", "printed", "--identity", "me", "--grant", "canSubscribe=false")
    assert status == 0
    printed = out.strip()
    assert out == printed + "\n" and "\n" not in printed
    claims = jwt.decode(printed, "secret", algorithms=["HS256"])
    assert claims["iss"] == "devkey" and claims["sub"] == "me"
    assert claims["video"]["room"] == "printed" and claims["video"]["roomJoin"] is True and claims["video"]["canSubscribe"] is False
    closing(await Publisher().start(f"{apus.url}/whip/printed", printed))


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["token", "--help"]], ids=" ".join)
async def test_help_is_everywhere(arguments):
    status, out, _ = await run_apus(*arguments)
    assert status == 0 and "USAGE" in out.upper()


async def test_the_version_is_said_on_demand_in_the_log_and_in_metrics(apus):
    status, out, _ = await run_apus("--version")
    assert status == 0 and re.fullmatch(r"\d+\.\d+\.\d+\n", out), out
    version = out.strip()
    assert f"version={version}" in apus.lines[0]
    assert (await apus.metrics())["apus_build_info", frozenset({("version", version)})] == 1


@pytest.mark.serve("--admin-bind", "localhost")
async def test_the_admin_port_is_where_it_is_wanted(apus):
    async with aiohttp.ClientSession() as session:
        for host in ("127.0.0.1", "[::1]"):
            async with session.get(f"http://{host}:{apus.admin_port}/readyz") as answer:
                assert (answer.status, await answer.text()) == (200, "ready\n")


async def test_an_admin_address_that_is_not_this_machine_s_is_named_with_its_flag():
    for command in ("check", "serve"):
        status, _, err = await run_apus(command, *Apus("--admin-bind", "192.0.2.1").arguments[1:])
        assert status == 69 and "--admin-bind" in err, err


async def test_addresses_in_the_log_have_brackets_where_they_need_them(apus):
    line = next(line for line in apus.lines if line.endswith("Serving."))
    assert f"http=127.0.0.1:{apus.port}, [::1]:{apus.port} " in line, line


@pytest.mark.serve("--workers", "2")
async def test_media_over_tcp_with_several_workers_is_warned_of(apus):
    assert any("--workers 2" in line and "--tcp-port" in line and "warning" in line for line in apus.lines)
    status, out, _ = await run_apus("check", "--dev", "--port=0", "--udp-port=0", "--tcp-port=0", "--admin-port=0", "--workers=2")
    assert status == 0 and "slow    With --workers 2" in out


@pytest.mark.parametrize("flag", ["--max-participants", "--port", "--audio-top", "--workers", "--drain-timeout"])
async def test_a_negative_number_is_told_what_is_expected(flag):
    status, _, err = await run_apus("serve", "--dev", flag, "-4")
    assert status == 64, err
    assert f"{flag}: expected a" in err and 'found "-4"' in err


async def test_dev_prints_links_that_can_be_opened(apus):
    assert f":{apus.port}/publish" in apus.log and f":{apus.port}/watch" in apus.log


async def test_check_looks_at_the_ports_and_the_machine(apus):
    free = ["--port", "0", "--tcp-port", "0", "--admin-port", "0"]
    status, out, err = await run_apus("check", "--dev", "--udp-port", "0", *free)
    assert status == 0, err
    assert "ok      the configuration is complete" in out
    assert "media is encrypted by libipsec-mb" in out
    taken = apus.arguments[apus.arguments.index("--udp-port") + 1]
    status, out, err = await run_apus("check", "--dev", "--udp-port", taken, *free)
    assert status == 69
    assert f"broken  UDP port {taken}" in out
    assert "--udp-port" in err


async def test_check_refuses_what_serve_refuses():
    status, _, err = await run_apus("check")
    assert status == 78
    assert "--keys" in err


@pytest.mark.parametrize("command", ["check", "serve"])
async def test_one_tcp_port_for_two_is_refused_and_both_are_named(command):
    port = str(free_port())
    status, _, err = await run_apus(command, "--dev", "--port", port, "--tcp-port", port)
    assert status == 78, err
    assert f"--port and --tcp-port both name TCP port {port}" in err


@pytest.mark.parametrize(
    ("flag", "kind", "address"),
    [("--udp-port", socket.SOCK_DGRAM, "::"), ("--tcp-port", socket.SOCK_STREAM, "::"), ("--port", socket.SOCK_STREAM, "::1")],
    ids=["udp", "tcp", "http"],
)  # fmt: skip
async def test_check_finds_a_port_that_only_ipv6_has_lost(flag, kind, address):
    """As `serve` does, which says the same sentence."""
    port = free_port(kind)
    with socket.socket(socket.AF_INET6, kind) as other:
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        other.bind((address, port))
        if kind == socket.SOCK_STREAM:
            other.listen()
        options = Apus(flag, str(port)).arguments[1:]
        status, out, err = await run_apus("check", *options)
        assert status == 69, (out, err)
        assert f"port {port} on {address} is taken by another process" in out and flag in err
        status, _, log = await run_apus("serve", *options)
        assert status == 69 and log.splitlines()[-1] == err.splitlines()[-1]
