"""`apus load` against the real server: what it reports must be what the server counts, and its exit status must mean it."""

import asyncio
import json

import pytest

from clients.apus import Apus, free_port, run_apus
from clients.recordings import write_ivf, write_ogg
from clients.tls_proxy import TLSProxy
from clients.waiting import until


async def load(apus, *arguments, timeout=60):
    """Runs `apus load`; returns (status, the report, standard error)."""
    status, out, err = await run_apus("load", "--dev", "--url", apus.url, "--json", "-", "--progress", "1s", *arguments, timeout=timeout)
    return status, json.loads(out), err


def expect_undisturbed(report, subscribers, verified, strays=0):
    """All of it arrived, whole and once."""
    assert report["failed"] == 0 and report["silent"] == 0 and report["ended"] == 0, report["failures"]
    packets = report["packets"]
    assert packets["received"] > 0
    assert packets["lost"] == packets["missing_at_the_end"] == packets["duplicates"] == packets["unreadable"] == 0
    assert packets["strays"] <= strays
    assert report["delivery"] == report["delivery_worst"] == 1
    assert report["freezes"] == 0
    assert report["verified"]["faults"] == []
    assert report["verified"]["clients"] == verified
    assert report["verified"]["packets"] > 0
    for name in ("join_ms", "first_frame_ms"):
        assert report[name]["count"] == subscribers
        assert 0 < report[name]["p50"] <= report[name]["p99"] <= report[name]["max"]
    # Both count from the request to join, and the table rounds both alike: a picture may come within the millisecond.
    for rank in ("p50", "p99", "max"):
        assert report["join_ms"][rank] <= report["first_frame_ms"][rank], rank
    assert 0 < report["delay_ms"]["p50"] < 1_000


async def test_whip_and_whep(apus):
    """One publishes, twenty watch, two of them look at everything; the server has sent what they say that they got."""
    status, report, err = await load(
        apus, "--publishers", "1", "--subscribers", "20", "--verify", "2", "--duration", "4s", "--min-delivery", "1",
        "--max-join-p99", "10000", "--max-freeze", "1",
    )  # fmt: skip
    assert status == 0, err
    assert "21 of 21 connected" in err
    expect_undisturbed(report, subscribers=20, verified=2)
    assert all(bar["met"] for bar in report["bars"]) and len(report["bars"]) == 3
    packets = report["packets"]
    # 30 pictures of 4 packets and 50 packets of sound a second.
    assert 20 * 4 * 170 * 0.8 < packets["received"] < 20 * 20 * 170
    assert await apus.metric("apus_packets_total", direction="in", kind="rtp") == packets["published"]
    assert await apus.metric("apus_packets_total", direction="out", kind="rtp") == packets["received"]
    assert await apus.metric("apus_http_sessions") == 0, "every session was ended"


async def test_several_publishers(apus):
    """Each subscriber watches one of them."""
    status, report, err = await load(apus, "--publishers", "3", "--subscribers", "6", "--verify", "6", "--duration", "2s")
    assert status == 0, err
    expect_undisturbed(report, subscribers=6, verified=6)
    assert report["publish_ms"]["count"] == 3


async def test_livekits_protocol(apus):
    """Some publish three layers, some watch, some do both: everybody gets everything that others publish."""
    status, report, err = await load(
        apus, "--protocol", "livekit", "--publishers", "1", "--participants", "3", "--subscribers", "2", "--layers", "3", "--verify", "5",
        "--duration", "4s",
    )  # fmt: skip
    assert status == 0, err
    assert report["joined"] == 6 and report["publish_ms"]["count"] == 4
    # What is sent as soon as it is answered may overtake the answer.
    expect_undisturbed(report, subscribers=5, verified=5, strays=300)
    packets = report["packets"]
    # Two subscribers get four publishers, three participants three each.
    assert packets["received"] > (2 * 4 + 3 * 3) * 4 * 60
    assert await apus.metric("apus_packets_total", direction="in", kind="rtp") == packets["published"]
    assert await apus.metric("apus_packets_total", direction="out", kind="rtp") == packets["received"] + packets["strays"]
    assert await apus.metric("apus_signal_sockets") == 0 and await apus.metric("apus_participants") == 0


@pytest.mark.parametrize("shape", ["h264", "vp9 --svc L3T3", "vp9 --svc L3T3_KEY", "av1 --svc L1T3", "av1 --svc L3T3_KEY", "vp8 --paced"])
async def test_shapes(apus, shape):
    """Every codec, layers in one stream, and pictures that are spread over time pass whole."""
    status, report, err = await load(apus, "--subscribers", "2", "--verify", "2", "--duration", "1s", "--codec", *shape.split())
    assert status == 0, err
    expect_undisturbed(report, subscribers=2, verified=2)


@pytest.mark.parametrize("codec", ["vp8", "vp9", "h264", "av1"])
async def test_recorded_media(apus, tmp_path, codec):
    """What is published from files arrives as it was, in its order, and its delay is known."""
    status, report, err = await load(
        apus, "--subscribers", "4", "--verify", "2", "--duration", "4s", "--video-file", write_ivf(tmp_path / "a.ivf", codec),
        "--audio-file", write_ogg(tmp_path / "a.ogg"),
    )  # fmt: skip
    assert status == 0, err
    expect_undisturbed(report, subscribers=4, verified=2)
    assert report["delay_ms"]["count"] > 2 * 4 * 80
    assert await apus.metric("apus_packets_total", direction="in", kind="rtp") == report["packets"]["published"]


async def test_recorded_simulcast(apus, tmp_path):
    """Three files are three layers, everybody publishes the same ones, and all is told apart: publishers, layers, and repetitions."""
    files = [write_ivf(tmp_path / f"{layer}.ivf", "vp8", seed=layer, largest=1_500 * (layer + 1)) for layer in range(3)]
    status, report, err = await load(
        apus, "--protocol", "livekit", "--publishers", "1", "--participants", "2", "--subscribers", "2", "--verify", "4", "--duration", "6s",
        *[argument for file in files for argument in ("--video-file", file)], "--audio-file", write_ogg(tmp_path / "a.ogg"),
        "--layer-changes", "1500ms", "--layers", "3",
    )  # fmt: skip
    assert status == 0, err + str(report["failures"])
    assert report["failed"] == 0 and report["packets"]["lost"] == 0 and report["packets"]["duplicates"] == 0
    assert report["verified"]["faults"] == [] and report["verified"]["clients"] == 4
    assert report["layers"]["reached"] > 0


# Congestion control pauses what a crowd cannot be sent in time; here everything is.
@pytest.mark.serve("--workers", "1", "--congestion-control", "false")
async def test_keyframes_of_many_packets_to_many_viewers(apus, tmp_path):
    """What one read of the socket brings for three hundred is more than the server lets wait: it leaves in between, and nothing is lost."""
    video = write_ivf(tmp_path / "a.ivf", "vp8", largest=2_000, keyframe=90_000)
    status, report, err = await load(apus, "--subscribers", "300", "--duration", "3s", "--video-file", video, "--ramp", "150")
    assert status == 0, err
    assert report["failed"] == report["silent"] == 0
    assert report["packets"]["lost"] == report["packets"]["nacked"] == 0, report["packets"]
    assert await apus.metric("apus_dropped_packets_total", reason="send_queue_full") == 0


async def test_recorded_media_with_loss(apus, tmp_path):
    """Of recorded frames, too, what is lost is asked for and sent again."""
    status, report, err = await load(
        apus, "--publishers", "2", "--subscribers", "4", "--verify", "2", "--duration", "4s", "--loss", "0.03",
        "--video-file", write_ivf(tmp_path / "a.ivf", "h264"), "--audio-file", write_ogg(tmp_path / "a.ogg"),
    )  # fmt: skip
    assert status == 0, err
    # A track's very last packets have none after them by which a viewer would know that they are missing: one is a 1,200th of all.
    assert report["packets"]["repaired"] > 0 and report["delivery_video"] > 0.995 > report["delivery_audio"] > 0.9
    assert report["verified"]["faults"] == []


async def test_files_that_cannot_be_sent(tmp_path):
    """Each is refused with a sentence before anybody joins."""
    vp8, sound = write_ivf(tmp_path / "a.ivf", "vp8"), write_ogg(tmp_path / "a.ogg")
    (tmp_path / "cut.ivf").write_bytes((tmp_path / "a.ivf").read_bytes()[:-1])
    for arguments, sentence in [
        (["--video-file", sound], "is no IVF file"),
        (["--audio-file", vp8], "is no Ogg file"),
        (["--video-file", str(tmp_path / "cut.ivf")], "ends in the middle of frame 44"),
        (["--video-file", str(tmp_path / "none.ivf")], "could not be read"),
        (["--video-file", vp8, "--codec", "h264"], "has VP8 in it"),
        (["--video-file", vp8, "--video-file", vp8], "the same pictures"),
        (["--video-file", vp8, "--svc", "L1T3"], "--svc"),
        (["--video-file", vp8, "--layers", "3"], "one for each"),
    ]:
        status, out, err = await run_apus("load", "--dev", "--url", "http://localhost:1", *arguments)
        assert status == 64 and out == "" and sentence in err, err


# Congestion control leaves a number open where it pauses a track in the middle of a picture; here none may be missing.
@pytest.mark.serve("--congestion-control", "false")
@pytest.mark.parametrize("protocol", ["whip", "livekit"])
async def test_media_over_tcp(apus, protocol):
    """By ICE-TCP nothing is lost, while viewers come and go."""
    status, report, err = await load(
        apus, "--protocol", protocol, "--transport", "tcp", "--tcp-port", str(apus.tcp_port), "--publishers", "2", "--subscribers", "6",
        "--verify", "3", "--duration", "3s", "--churn", "1",
    )  # fmt: skip
    assert status == 0, err + str(report["failures"])
    assert report["failed"] == 0 and report["packets"]["received"] > 1_000
    assert report["packets"]["lost"] == report["packets"]["duplicates"] == 0 and report["verified"]["faults"] == []
    assert report["generator"]["send_failures"] == 0


async def test_media_over_tcp_that_nobody_takes(apus):
    """Where nobody listens clients join, and never connect; the report says so."""
    status, report, err = await load(
        apus, "--transport", "tcp", "--tcp-port", str(free_port()), "--subscribers", "2", "--duration", "1s", timeout=90
    )
    assert status == 1 and report["packets"]["received"] == 0
    assert report["ended"] == 3, "the connections were refused"


@pytest.mark.parametrize(("protocol", "scheme", "host"), [("whip", "https", "localhost"), ("livekit", "wss", "127.0.0.1")])
async def test_tls(apus, tmp_path, protocol, scheme, host):
    """Behind a proxy that speaks TLS, joining and leaving go through it; media go their own way."""
    async with TLSProxy(apus.port, tmp_path, host) as proxy:
        for trust in (["--ca-file", str(proxy.certificate)], ["--insecure"]):
            status, out, err = await run_apus(
                "load", "--dev", "--url", f"{scheme}://{host}:{proxy.port}", "--protocol", protocol, "--subscribers", "2", "--verify", "1",
                "--duration", "1s", "--json", "-", *trust,
            )  # fmt: skip
            assert status == 0, err
            report = json.loads(out)
            expect_undisturbed(report, subscribers=2, verified=1, strays=300)
            assert report["url"] == f"https://{host}:{proxy.port}"
        assert proxy.connections >= 6
    assert await apus.metric("apus_http_sessions") == 0 and await apus.metric("apus_signal_sockets") == 0


@pytest.mark.parametrize("protocol", ["whip", "livekit"])
async def test_tls_that_is_not_trusted(apus, tmp_path, protocol):
    """Neither an authority that nobody knows, nor a certificate for another name, nor a server without TLS."""
    async with TLSProxy(apus.port, tmp_path, "example.org") as proxy:
        authority = "its certificate is not of an authority that is trusted"
        for port, trust, reason in [
            (proxy.port, [], authority),
            (proxy.port, ["--ca-file", str(proxy.certificate)], "localhost"),
            (apus.port, ["--insecure"], "what answers speaks no TLS"),
        ]:
            status, out, err = await run_apus(
                "load", "--dev", "--url", f"https://localhost:{port}", "--protocol", protocol, "--duration", "1s", *trust
            )
            assert status == 69 and out == "", err
            assert "does not answer by TLS, or is not trusted: " in err
            # No word of the library's own sources.
            assert reason in err.splitlines()[-1] and ".cc" not in err, err
    status, out, err = await run_apus("load", "--dev", "--url", "https://localhost:1", "--ca-file", str(tmp_path / "key.pem"))
    assert status == 64 and "no certificate" in err


async def test_a_report_that_cannot_be_written_is_said_before_anybody_joins(apus, tmp_path):
    for path, reason in [(tmp_path / "no/report.json", "there is no such file or folder"), (tmp_path, "it is a folder")]:
        status, out, err = await run_apus("load", "--dev", "--url", apus.url, "--duration", "60s", "--json", str(path), timeout=10)
        assert status == 64 and out == "" and f"{path} could not be written: {reason}." in err, err
    assert await apus.metric("apus_http_requests_total", route="/whip/{room}") == 0


async def test_a_report_takes_the_place_of_a_longer_one(apus, tmp_path):
    report = tmp_path / "report.json"
    report.write_text("x" * 1_000_000)
    status, _, err = await run_apus(
        "load", "--dev", "--url", apus.url, "--subscribers", "1", "--duration", "1s", "--json", str(report)
    )
    assert status == 0 and json.loads(report.read_text())["room"] == "load", err


async def test_loss(apus):
    """What is lost on purpose is asked for and sent again: pictures come whole, sound has gaps."""
    status, report, err = await load(
        apus, "--subscribers", "6", "--verify", "2", "--duration", "6s", "--loss", "0.03", "--max-freeze", "3"
    )
    assert status == 0, err
    packets = report["packets"]
    assert packets["dropped"] > 0 and packets["nacked"] > 0 and packets["repaired"] > 0
    assert report["delivery_video"] > 0.999 > report["delivery_audio"] > 0.9
    assert report["verified"]["faults"] == []


async def test_behaviour(apus):
    """Turns of speaking, mutes, other layers, comings and goings, all at once: nothing is lost, and layers are switched."""
    status, report, err = await load(
        apus, "--protocol", "livekit", "--publishers", "1", "--participants", "2", "--subscribers", "3", "--layers", "3",
        "--duration", "8s", "--speakers", "1", "--mute", "4s", "--layer-changes", "1s", "--churn", "0.5",
    )  # fmt: skip
    assert status == 0, err
    assert report["joined"] > 6, "somebody was replaced"
    assert report["failed"] == 0 and report["packets"]["lost"] == 0 and report["packets"]["duplicates"] == 0
    assert report["verified"]["faults"] == [] and report["verified"]["packets"] > 0
    layers = report["layers"]
    assert layers["asked"] > 5 and layers["reached"] > layers["asked"] / 2
    assert 0 < layers["switch_ms"]["p50"] < 1_000


async def test_comings_and_goings(apus):
    """Who leaves is replaced; the server is left as it was found."""
    status, report, err = await load(apus, "--subscribers", "20", "--threads", "2", "--churn", "10", "--duration", "4s", "--min-delivery", "1")
    assert status == 0, err
    assert report["joined"] > 40
    assert await apus.metric("apus_http_sessions") == 0


@pytest.mark.parametrize("protocol", ["whip", "livekit"])
async def test_a_server_that_is_killed(protocol):
    """The report is written all the same, and the status says that something was wrong."""
    server = await Apus().start()
    running = asyncio.create_task(load(server, "--protocol", protocol, "--subscribers", "3", "--duration", "4s"))
    await until_published(server)
    server.process.kill()
    await server.process.wait()
    status, report, err = await running
    assert status == 1, err
    assert report["ended"] == 4 and report["delivery"] < 1
    assert "ended early" in err


async def until_published(server):
    async def sent():
        return await server.metric("apus_packets_total", direction="out", kind="rtp") > 300

    await until(sent, "subscribers are sent something", timeout=20)


async def test_a_bar_that_is_missed(apus):
    """Status 1, a sentence, and the report all the same."""
    status, report, err = await load(apus, "--subscribers", "2", "--duration", "1s", "--max-join-p99", "0.001")
    assert status == 1
    assert "join_ms p99 is" in err
    assert [bar["met"] for bar in report["bars"]] == [False]
    assert report["delivery"] == 1


@pytest.mark.parametrize("protocol", ["whip", "livekit"])
async def test_who_is_refused_is_counted(apus, protocol):
    """A key that the server does not know: nobody joins, and the report says why."""
    status, out, err = await run_apus(
        "load", "--url", apus.url, "--api-key", "nobody", "--api-secret", "x" * 40, "--subscribers", "2", "--duration", "1s", "--json", "-",
        "--protocol", protocol,
    )  # fmt: skip
    assert status == 1, err
    report = json.loads(out)
    assert report["joined"] == 0 and report["failed"] == 3
    assert all(sentence.startswith("401") for sentence in report["failures"])


@pytest.mark.parametrize("protocol", ["whip", "livekit"])
async def test_nobody_answers(protocol):
    url = f"http://127.0.0.1:{free_port()}"
    status, out, err = await run_apus("load", "--dev", "--url", url, "--protocol", protocol, "--duration", "1s")
    assert status == 69 and out == ""
    assert "does not answer" in err


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["--url", "ftp://localhost"], ["--url", "http://localhost:1", "--subscribers", "-1"],
        ["--url", "http://localhost:1", "--duration", "soon"], ["--url", "http://localhost:1", "--publishers", "0", "--subscribers", "0"],
        ["--url", "http://localhost:1", "--api-key", "a"], ["--url", "http://localhost:1", "--participants", "2"],
        ["--url", "http://localhost:1", "--codec", "opus"], ["--url", "http://localhost:1", "--svc", "L3T3"],
        ["--url", "http://localhost:1", "--codec", "av1", "--svc", "L3T3"], ["--url", "http://localhost:1", "--codec", "vp9", "--svc", "L1T3_KEY"],
        ["--url", "http://localhost:1", "--transport", "sctp"], ["--url", "http://localhost:1", "--tcp-port", "0"],
        ["--url", "http://localhost:1", "--insecure"], ["--url", "https://localhost:1", "--insecure", "--ca-file", "x"],
        ["--url", "http://localhost:1", "--layer-changes", "1s"], ["--url", "http://localhost:1", "--loss", "2"],
    ],
)  # fmt: skip
async def test_wrong_usage(arguments):
    status, _, err = await run_apus("load", "--dev", *arguments)
    assert status == 64 and err
