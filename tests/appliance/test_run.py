"""`tcp-sniffer run`: start, logs, exit codes, shutdown."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
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


def run(tmp_path: Path, *options: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "appliance", "run", *options],
        env={**os.environ, "TMPDIR": str(tmp_path), **(env or {})},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


async def test_pretty_without_stdout(tmp_path: Path, target: int) -> None:
    options = ["--ports", str(target), "--pretty"]
    async with Sniffing(tmp_path / "s", *options, env={"OUTPUT_STDOUT": "0"}) as sniffing:
        warning = await sniffing.until_event("configuration")
        assert await sniffing.stop() == 0
    assert warning["message"] == "--pretty has no effect: outputStdout is false (environment OUTPUT_STDOUT)"


CA_FILE = ["--output-url", "https://collector.example", "--output-ca-file", "/no.pem"]


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--interface", "lo"], 2, "ports"),
        (["--interface", "lo", "--ports", "80", "--max-body-size", "lots"], 2, "maxBodySize"),
        (["--interface", "lo", "--ports", "80", "--capture-filter", "nonsense here"], 2, "nonsense here"),
        # The configuration's mistakes come before those of the capture.
        (["--interface", "nowhere0", "--ports", "80", "--sample-rate", "7"], 2, "sampleRate"),
        (["--interface", "lo", "--ports", "80", *CA_FILE], 2, "/no.pem"),
        (["--interface", "nowhere0", "--ports", "80"], 3, "lo"),
    ],
)
def test_exit_codes(tmp_path: Path, options: list[str], code: int, told: str) -> None:
    done = run(tmp_path, *options)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_every_mistake_at_once(tmp_path: Path) -> None:
    done = run(tmp_path, "--interface", "lo", "--sample-rate", "7", "--max-body-size", "-1")
    assert done.returncode == 2
    assert all(field in done.stderr for field in ("ports", "sampleRate", "maxBodySize"))


@pytest.mark.parametrize("interface", ["lo", "nowhere0"])
def test_filters_and_tls_files_are_told_with_the_rest(tmp_path: Path, interface: str) -> None:
    options = ["--capture-filter", "bogus (", "--sample-rate", "7", *CA_FILE]
    done = run(tmp_path, "--interface", interface, "--ports", "80", *options)
    assert done.returncode == 2
    told = [json.loads(line)["message"] for line in done.stderr.splitlines()]
    assert [line.partition(": expected ")[0] for line in told] == [
        "option --sample-rate: sampleRate",
        "option --capture-filter: captureFilter",
        "option --output-ca-file: outputCaFile",
    ]


def test_a_filter_that_is_none_for_this_link(tmp_path: Path) -> None:
    """It compiles for Ethernet; only the engine that opens the capture knows better."""
    done = run(tmp_path, "--interface", "any", "--ports", "80", "--capture-filter", "ether broadcast")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["message"].startswith("option --capture-filter: captureFilter: expected a filter that ")


def test_a_mistake_leaves_recordings_alone(tmp_path: Path) -> None:
    """A restart numbers what the last one left and deletes the oldest; one that cannot begin does neither."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    kept = {name: os.urandom(100) for name in ("capture.0001.pcap", "capture.0002.pcap", "capture.pcap")}
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    options = [
        "--recording",
        f"--recording-directory={folder}",
        "--recording-max-files",
        "1",
        "--output-url",
        "ftp://x",
    ]
    assert run(tmp_path, "--interface", "lo", "--ports", "80", *options).returncode == 2
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == kept


@pytest.mark.parametrize(
    "text", ["exclude: 5", "redactHeaders: [[1]]", "ports: {}", "maxMemory: lots", "- a list", "a: b: c"]
)
def test_documents_of_the_wrong_shape(tmp_path: Path, text: str) -> None:
    """Also those that the engine's own text cannot be made of: a mistake like any other, never a traceback."""
    config = tmp_path / "sniffer.yaml"
    config.write_text(text)
    done = run(tmp_path, "--interface", "lo", "--config", str(config))
    assert done.returncode == 2, done.stderr
    assert str(config) in done.stderr
    assert "Traceback" not in done.stderr


def test_refused(tmp_path: Path) -> None:
    """Without NET_RAW the system refuses; the error says what to add."""
    command = ["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw", sys.executable, "-m", "appliance"]
    done = subprocess.run(
        [*command, "run", "--interface", "lo", "--ports", "80"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "NET_RAW" in done.stderr


@pytest.mark.parametrize("content", [None, b"not a library"])
def test_no_library(tmp_path: Path, content: bytes | None) -> None:
    library = tmp_path / "lib.so"
    if content is not None:
        library.write_bytes(content)
    done = run(tmp_path, "--interface", "lo", "--ports", "80", env={"TCP_SNIFFER_LIBRARY": str(library)})
    assert done.returncode == 5
    assert str(library) in done.stderr


async def test_the_open_exchange_is_captured_to_its_end(tmp_path: Path) -> None:
    """SIGTERM in the middle of an exchange: the answer still comes out, then the process ends at once."""
    answer_now = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await answer_now.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    async with listening(slow) as port:
        options = ["--ports", str(port), "--output-stdout", "--shutdown-capture-ms", "15000"]
        async with Sniffing(tmp_path / "s", *options) as sniffing, connected_to(port) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await sniffing.until_records(1)
            sniffing.signal()
            await asyncio.sleep(0.5)
            answer_now.set()
            await reader.readuntil(b"ok")
            answered = asyncio.get_running_loop().time()
            assert await sniffing.wait() == 0
            assert asyncio.get_running_loop().time() - answered < 5
    assert [record["complete"] for record in sniffing.records] == [True, True]


async def test_an_exchange_that_does_not_end(tmp_path: Path) -> None:
    """It is waited for no longer than shutdownCaptureMs, and comes out with its reason."""
    async with listening(silence) as port:
        options = ["--ports", str(port), "--output-stdout", "--shutdown-capture-ms", "300"]
        async with Sniffing(tmp_path / "s", *options) as sniffing, connected_to(port) as (_, writer):
            writer.write(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
            await sniffing.until_event("connection")
            assert await sniffing.stop() == 0
    (record,) = sniffing.records
    assert (record["complete"], record["incompleteReason"]) == (False, "capture_end")


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_exits_at_once(tmp_path: Path, second: signal.Signals) -> None:
    async with listening(silence) as port:
        options = ["--ports", str(port), "--output-stdout", "--shutdown-capture-ms", "60000"]
        async with Sniffing(tmp_path / "s", *options) as sniffing, connected_to(port) as (_, writer):
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await sniffing.until_records(1)
            sniffing.signal(signal.SIGINT)
            await asyncio.sleep(0.5)
            assert sniffing.process.returncode is None
            sniffing.signal(second)
            assert await sniffing.wait() == 1


async def test_a_signal_during_the_start(tmp_path: Path) -> None:
    """As soon as the capture is open a signal is a stop like any other, though half of Python is still to load."""
    async with Sniffing(tmp_path / "s", "--ports", str(unused_port()), "--output-stdout") as sniffing:
        assert await sniffing.stop() == 0
        assert sniffing.stats["packets"]["received"] == 0


async def test_a_drain_that_takes_too_long(tmp_path: Path, target: int) -> None:
    """Exit code 6, and how many records were lost, counted."""
    read_end, write_end = os.pipe()
    sniffing = Sniffing(tmp_path / "s", "--ports", str(target), "--output-stdout", "--shutdown-timeout-ms", "500")
    async with await sniffing.start(stdout=write_end):
        os.close(write_end)
        await sniffing.until_event("start")
        await get(target, 300)
        await asyncio.sleep(0.3)
        assert await sniffing.stop() == 6
    os.close(read_end)
    lost = (await sniffing.until_event("drain_timeout"))["lost"]
    assert lost > 0
    assert sniffing.stats["sinks"]["stdout"]["dropped"] == {"drain_timeout": lost}


async def test_a_second_signal_in_the_drain(tmp_path: Path, target: int) -> None:
    """The capture has ended, what it gave waits for a reader of stdout that does not read."""
    read_end, write_end = os.pipe()
    options = ["--ports", str(target), "--output-stdout", "--shutdown-timeout-ms", "60000"]
    sniffing = Sniffing(tmp_path / "s", *options)
    async with await sniffing.start(stdout=write_end):
        os.close(write_end)
        await sniffing.until_event("start")
        await get(target, 300)
        before = threads(sniffing)
        sniffing.signal()
        await until(lambda: threads(sniffing) < before, "the end of the capture's thread")
        assert sniffing.process.returncode is None
        sniffing.signal()
        assert await sniffing.wait() == 1
    os.close(read_end)


def threads(sniffing: Sniffing) -> set[str]:
    return {task.name for task in Path(f"/proc/{sniffing.process.pid}/task").iterdir()}


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
