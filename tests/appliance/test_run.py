"""`tcp-sniffer run`: start, logs, exit codes, shutdown."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from servers import connected_to, get, listening, silence, unused_port
from sniffing import Sniffing, until


async def test_from_start_to_end(tmp_path: Path, target: int) -> None:
    """Records on stdout, logs on stderr, 0 at SIGTERM, and the ready file only while the capture is open."""
    async with Sniffing(tmp_path / "s", "--ports", str(target), "--output-stdout") as sniffing:
        await get(target, 3)
        await sniffing.until_records(6)
        assert (sniffing.folder / "capture-open").exists()
        assert await sniffing.stop() == 0
    assert [record["direction"] for record in sniffing.records] == ["request", "response"] * 3
    assert sniffing.sink("stdout")["delivered"] == 6
    assert not (sniffing.folder / "capture-open").exists()


async def test_what_the_log_says_at_the_start(tmp_path: Path, target: int) -> None:
    env = {"POD_NAME": "shop-1", "NAMESPACE": "prod", "NODE_NAME": "n1"}
    options = ["--ports", str(target), "--output-stdout", "--output-url", f"http://127.0.0.1:{unused_port()}/x?k=1"]
    async with Sniffing(tmp_path / "s", *options, env=env | {"OUTPUT_URL_AUTH_TOKEN": "s3cret"}) as sniffing:
        start = await sniffing.until_event("start")
        assert await sniffing.stop() == 0
    for line in sniffing.log:
        assert {"timestamp", "level", "message"} <= line.keys()
        assert (line["pod"], line["namespace"], line["node"]) == ("shop-1", "prod", "n1")
    assert start["interface"] == "lo"
    assert start["loopback"] is True
    assert "127.0.0.1" in start["addresses"]
    assert start["ports"] == [target]
    assert str(target) in start["filter"]
    assert start["outputs"][0] == "stdout"
    assert {"version", "build"} <= start.keys()
    assert "HTTPS" in start["message"]
    assert "ciphertext" in start["message"]
    assert not any(secret in sniffing.log_text for secret in ("s3cret", "k=1"))


async def test_no_output_is_a_warning(tmp_path: Path) -> None:
    async with Sniffing(tmp_path / "s", "--ports", str(unused_port())) as sniffing:
        assert (await sniffing.until_event("no_output"))["level"] == "warning"
        assert await sniffing.stop() == 0


async def test_no_packets_is_said_once(tmp_path: Path) -> None:
    options = ["--ports", str(unused_port()), "--output-stdout", "--no-packets-warning-ms", "200"]
    async with Sniffing(tmp_path / "s", *options, "--stats-interval-ms", "100") as sniffing:
        await sniffing.until_event("no_packets")
        await until(lambda: len(sniffing.events("stats")) > 5, "stats now and then")
        assert await sniffing.stop() == 0
    assert len(sniffing.events("no_packets")) == 1


async def test_first_connections_and_other_protocols_in_the_log(tmp_path: Path) -> None:
    """A connection that does not speak HTTP is named once; its bytes are not in the log."""
    async with (
        listening(silence) as port,
        Sniffing(tmp_path / "s", "--ports", str(port), "--output-stdout") as sniffing,
    ):
        async with connected_to(port) as (_, writer):
            writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03secret-random-bytes-here" + bytes(600))
            line = await sniffing.until_event("not_http")
        assert await sniffing.stop() == 0
    assert line["firstBytes"] == "16030102"
    assert line["receiver"] == f"127.0.0.1:{port}"
    assert len(sniffing.events("not_http")) == 1
    assert len(sniffing.events("connection")) == 1
    assert "secret" not in sniffing.log_text


async def test_pretty_without_stdout(tmp_path: Path, target: int) -> None:
    options = ["--ports", str(target), "--pretty"]
    async with Sniffing(tmp_path / "s", *options, env={"OUTPUT_STDOUT": "0"}) as sniffing:
        warning = await sniffing.until_event("configuration")
        assert await sniffing.stop() == 0
    assert warning["message"] == "--pretty has no effect: outputStdout is false (environment OUTPUT_STDOUT)"


@pytest.mark.parametrize("limit", [8, 12, 16, 20, 24, 28, 32, 64])
async def test_few_file_descriptors_to_start_with(tmp_path: Path, target: int, limit: int) -> None:
    """With all that needs some: it says that they are too few, or does its work."""
    options = ["--ports", str(target), "--output-stdout", "--output-url", f"http://127.0.0.1:{unused_port()}/"]
    options += ["--output-spool-directory", str(tmp_path / "spool"), "--status-listen", f"127.0.0.1:{unused_port()}"]
    options += ["--recording", f"--recording-directory={tmp_path}"]
    async with Sniffing(tmp_path / "s", *options, prefix=["prlimit", f"--nofile={limit}"]) as sniffing:
        if sniffing.process.returncode is None:
            await sniffing.until_event("start")
            await get(target)
            await sniffing.until_records(2)
            assert limit > 24
            assert await sniffing.stop() == 0
        else:
            assert limit < 32
            assert sniffing.process.returncode == 1
            assert "Too many open files" in sniffing.log_text


async def test_a_ready_file_for_which_there_is_no_room(tmp_path: Path, target: int) -> None:
    """Said, and no reason to fail."""
    full = tmp_path / "full"
    full.mkdir()
    prefix = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o nr_inodes=1 tmpfs {full} && exec "$@"', "sh"]
    options = ["--ports", str(target), "--output-stdout"]
    sniffing = Sniffing(tmp_path / "s", *options, env={"TMPDIR": str(full)}, prefix=prefix)
    async with await sniffing.start(state="stdout"):
        assert "No space left" in (await sniffing.until_event("no_ready_file"))["error"]
        await sniffing.until_event("start")
        await get(target)
        await sniffing.until_records(2)
        assert await sniffing.stop() == 0


RETRY_SOON = "import sys, appliance.service as s; s.IDLE_RETRY = 0.3; from appliance.cli import main; sys.exit(main())"


async def test_idle(tmp_path: Path, target: int) -> None:
    """`onFatal: idle`: a capture that does not open is logged and tried again; the process stays."""
    config = tmp_path / "sniffer.yaml"
    config.write_text(f"ports: [{target}]\nonFatal: idle\noutputStdout: true\nmaxBodySize: wrong\n")
    sniffing = Sniffing(tmp_path / "s", "--config", str(config), code=RETRY_SOON)
    async with await sniffing.start(state="idle"):
        await until(lambda: len(sniffing.events("failed")) > 1, "a second attempt")
        assert not (sniffing.folder / "capture-open").exists()
        config.write_text(config.read_text().replace("wrong", "100"))
        await until((sniffing.folder / "capture-open").exists, "the capture")
        assert not (sniffing.folder / "idle").exists()
        await sniffing.until_event("start")
        await get(target)
        await sniffing.until_records(2)
        assert await sniffing.stop() == 0
    assert sniffing.sink("stdout")["delivered"] == 2


@pytest.mark.parametrize("on_fatal", ["exit", "idle"])
async def test_an_interface_that_goes_away(tmp_path: Path, on_fatal: str) -> None:
    """What was captured is delivered, then the process ends as when the interface had not been there.

    With `idle`, too: the right to open another capture is given up once one is open.
    """
    make = 'ip link add here0 type veth peer name there0 && ip link set here0 up && ip link set there0 up && exec "$@"'
    prefix = ["unshare", "-n", "sh", "-c", make, "sh"]
    options = ["--interface", "here0", "--ports", "80", "--output-stdout", "--on-fatal", on_fatal]
    async with Sniffing(tmp_path / "s", *options, prefix=prefix) as sniffing:
        await sniffing.until_event("start")
        remove = ["nsenter", "-n", "-t", str(sniffing.process.pid), "ip", "link", "del", "here0"]
        await (await asyncio.create_subprocess_exec(*remove)).wait()
        assert await sniffing.wait() == 3
    assert "here0" in sniffing.events("failed")[0]["message"]
    assert sniffing.sink("stdout")["produced"] == 0


NO_MORE_FILES = """
import sys
from appliance.cli import main
from appliance.service import Service
async def fail(*_):
    raise OSError(24, "Too many open files")
Service._until_over = fail
sys.exit(main(sys.argv[1:]))
"""


async def test_what_nobody_expected_is_an_event_of_the_log(tmp_path: Path) -> None:
    sniffing = Sniffing(tmp_path / "s", "--ports", "80", "--output-stdout", code=NO_MORE_FILES)
    async with await sniffing.start():
        assert await sniffing.wait() == 1
    (failed,) = sniffing.events("failed")
    assert failed["message"] == "OSError: [Errno 24] Too many open files"
    assert failed["exitCode"] == 1
    assert "in fail" in failed["exc_info"]


async def test_idle_ends_on_a_signal(tmp_path: Path) -> None:
    sniffing = Sniffing(tmp_path / "s", "--interface", "nowhere0", "--ports", "80", "--on-fatal", "idle")
    async with await sniffing.start(state="idle"):
        assert await sniffing.stop() == 0
    assert not (sniffing.folder / "idle").exists()
