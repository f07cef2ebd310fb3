"""`tcp-sniffer replay`: the same engine from the command line."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packets import Conversation, pcap, pcapng
from packets.files import frames
from replay_engine import assert_valid, replay_files
from servers import unused_port

GET = b"GET / HTTP/1.1\r\nAuthorization: Bearer s3cret\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"
BUILT_IN = ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token"]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    file = tmp_path / "one.pcap"
    file.write_bytes(pcap(frames(exchanges(3).segments)))
    return file


def exchanges(count: int, wait_ms: float = 0) -> Conversation:
    conversation = Conversation().open()
    for _ in range(count):
        conversation.exchange(GET, OK).wait(wait_ms)
    return conversation.close()


def command(library: Path, *arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "appliance", "replay", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=60,
        env={**os.environ, "TCP_SNIFFER_LIBRARY": str(library)},
        check=False,
    )


def told(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stderr.splitlines()]


def records(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, object]]:
    assert done.returncode == 0, done.stderr.decode()
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        assert_valid(line)
    return lines


def test_records_on_stdout_and_a_log_on_stderr(library: Path, capture: Path) -> None:
    """Stdout carries records only; the last log line is the ledger."""
    done = command(library, capture, "--ports", "8080")
    assert [r["direction"] for r in records(done)] == ["request", "response"] * 3
    log = told(done)
    assert all(line["level"] for line in log)
    assert log[-1]["final"]
    assert log[-1]["stats"]["sinks"]["stdout"]["delivered"] == 6


# Why each: a hole in a body, a connection that turns into a tunnel, one that speaks something else.
REMARKABLE = {
    "gap": Conversation().open().client(GET).server(OK[:-8]).server(OK[-8:-4], lost=True).server(OK[-4:]).close(),
    "tunnel": Conversation().open().exchange(GET, b"HTTP/1.1 101 Switching Protocols\r\n\r\n").close(),
    "not_http": Conversation().open().exchange(b"SSH-2.0-x\r\n", b"SSH-2.0-y\r\n").close(),
}


@pytest.mark.parametrize("event", REMARKABLE)
@pytest.mark.parametrize("served", [False, True], ids=["stdout", "status"])
def test_what_the_engine_tells_is_in_the_log(library: Path, tmp_path: Path, event: str, served: bool) -> None:
    """As in a live run, and so are the final stats: without an event loop, and with one."""
    file = tmp_path / "remarkable.pcap"
    file.write_bytes(pcap(frames(REMARKABLE[event].segments)))
    more = ["--status-listen", f"127.0.0.1:{unused_port()}"] if served else []
    log = told(command(library, file, "--ports", "8080", *more))
    assert [line["event"] for line in log] == ["connection", event, "stats"]
    assert log[-1]["message"] == "the replay ended"
    assert log[-1]["final"]


@pytest.mark.parametrize("served", [False, True], ids=["stdout", "status"])
def test_a_full_disk_behind_stdout(library: Path, capture: Path, served: bool) -> None:
    """Records that nobody gets are no success."""
    more = ["--status-listen", f"127.0.0.1:{unused_port()}"] if served else []
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "appliance", "replay", str(capture), "--ports", "8080", *more],
            stdout=full, stderr=subprocess.PIPE, check=False, env={**os.environ, "TCP_SNIFFER_LIBRARY": str(library)},
        )  # fmt: skip
    assert (done.returncode, b"No space left on device" in done.stderr) == (1, True)


def test_the_level_of_the_log(library: Path, tmp_path: Path) -> None:
    """A gap is a warning, what else there is to tell is for information."""
    file = tmp_path / "gap.pcap"
    file.write_bytes(pcap(frames(REMARKABLE["gap"].segments)))
    for level, events in (("warning", ["gap"]), ("error", [])):
        done = command(library, file, "--ports", "8080", "--log-level", level)
        assert [line["event"] for line in told(done)] == events


def test_what_a_replay_to_stdout_does_without(library: Path, capture: Path) -> None:
    """Its log takes no logging modules: they would be a good part of a short run."""
    code = f"import sys; from appliance.cli import main; main(['replay', {str(capture)!r}, '--ports', '8080'])"
    code += "\nprint(*{'asyncio', 'logging', 'pythonjsonlogger'} & {*sys.modules}, file=sys.stderr)"
    environment = {**os.environ, "TCP_SNIFFER_LIBRARY": str(library)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stderr.splitlines()[-1] == ""


def test_the_same_bytes_as_the_engine(library: Path, capture: Path) -> None:
    """The command adds nothing to a record and takes nothing away."""
    expected = replay_files([str(capture)], {"redactHeaders": BUILT_IN}).raw
    assert command(library, capture, "--ports", "8080").stdout == expected


def test_secrets_are_hidden_by_default(library: Path, capture: Path) -> None:
    done = command(library, capture, "--ports", "8080")
    assert b"s3cret" not in done.stdout + done.stderr


def test_stdin(library: Path, capture: Path) -> None:
    done = command(library, "-", "--ports", "8080", stdin=capture.read_bytes())
    assert done.stdout == command(library, capture, "--ports", "8080").stdout


@pytest.mark.parametrize("form", ["pcapng", "pcap.gz", "pcapng.gz"])
def test_other_files(library: Path, tmp_path: Path, capture: Path, form: str) -> None:
    write = pcapng if "pcapng" in form else pcap
    data = write(frames(exchanges(3).segments))
    file = tmp_path / f"other.{form}"
    file.write_bytes(gzip.compress(data) if form.endswith("gz") else data)
    assert command(library, file, "--ports", "8080").stdout == command(library, capture, "--ports", "8080").stdout


def test_several_files(library: Path, tmp_path: Path, capture: Path) -> None:
    captured = frames(exchanges(3).segments)
    parts = [tmp_path / "a.pcap", tmp_path / "b.pcap"]
    for part, chosen in zip(parts, (captured[:9], captured[9:]), strict=True):
        part.write_bytes(pcap(chosen))
    assert command(library, *parts, "--ports", "8080").stdout == command(library, capture, "--ports", "8080").stdout


def test_speed(library: Path, tmp_path: Path) -> None:
    """`--speed 40`: forty times the recorded pace, 2 s for 80; without it, as fast as possible."""
    file = tmp_path / "slow.pcap"
    file.write_bytes(pcap(frames(exchanges(3, wait_ms=40_000).segments)))
    began = time.monotonic()
    fast = command(library, file, "--ports", "8080")
    between = time.monotonic()
    slow = command(library, file, "--ports", "8080", "--speed", "40")
    assert fast.stdout == slow.stdout
    assert between - began < 20
    assert 1.9 <= time.monotonic() - between < 40


def test_a_direction_that_a_file_does_not_tell(library: Path, capture: Path) -> None:
    done = command(library, capture, "--ports", "8080", "--capture-direction", "outbound")
    assert done.returncode == 0
    assert b"warning: captureDirection (outbound) has no effect" in done.stderr
    assert done.stdout == command(library, capture, "--ports", "8080").stdout


def test_an_interface_that_a_file_does_not_have(library: Path, capture: Path) -> None:
    done = command(library, capture, "--ports", "8080", "--interface", "nope")
    assert len(records(done)) == 6
    assert b"warning: interface (nope) has no effect" in done.stderr


def test_pretty_without_stdout(library: Path, capture: Path) -> None:
    done = command(library, capture, "--ports", "8080", "--pretty", "--no-output-stdout")
    assert (done.returncode, done.stdout) == (0, b"")
    warning = b"warning: --pretty has no effect: outputStdout is false (option --output-stdout)"
    assert warning in done.stderr
    assert warning not in command(library, capture, "--ports", "8080", "--pretty").stderr


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--port=8080", "unknown option --port: the nearest is --ports"),  # not short for it, nor taken as it
        ("--output-stdot", "unknown option --output-stdot: the nearest is --output-stdout"),
        ("--frobnicate", "unknown option --frobnicate"),
    ],
)
def test_options_are_written_out(library: Path, capture: Path, option: str, told: str) -> None:
    done = command(library, capture, option)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == f"tcp-sniffer replay: {told}; see tcp-sniffer replay --help\n"


@pytest.mark.parametrize("speed", ["nan", "inf", "-1", "fast"])
def test_a_speed_that_is_none(library: Path, speed: str) -> None:
    done = command(library, "absent.pcap", "--ports", "8080", f"--speed={speed}")
    assert done.returncode == 2
    assert f"--speed: expected a number from 0 to 1000000000, got {speed}" in done.stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "ports"),
        (["--ports", "0"], "0"),
        (["--ports", "8080", "--capture-filter", "host host"], "host host"),
        (["--ports", "8080", "--max-body-size", "-1"], "-1"),
    ],
)
def test_configuration_errors(library: Path, capture: Path, arguments: list[str], told: str) -> None:
    done = command(library, capture, *arguments)
    assert done.returncode == 2, done.stderr.decode()
    assert told in done.stderr.decode()
    assert done.stdout == b""


def test_every_mistake_at_once(library: Path, capture: Path) -> None:
    """Filters and TLS files with the rest, each with its origin."""
    url = ["--output-url", "https://collector.example", "--output-ca-file", "/no.pem"]
    done = command(library, capture, "--ports", "8080", "--capture-filter", "bogus (", "--sample-rate", "7", *url)
    assert done.returncode == 2
    assert [line.partition(": expected ")[0] for line in done.stderr.decode().splitlines()] == [
        "tcp-sniffer: option --sample-rate: sampleRate",
        "tcp-sniffer: option --capture-filter: captureFilter",
        "tcp-sniffer: option --output-ca-file: outputCaFile",
    ]


@pytest.mark.parametrize("content", [b"", b"not a capture file", pcap([])[:20]])
def test_files_that_are_no_captures(library: Path, tmp_path: Path, content: bytes) -> None:
    """A clear error, naming the file."""
    file = tmp_path / "broken.pcap"
    file.write_bytes(content)
    done = command(library, file, "--ports", "8080")
    assert done.returncode == 1
    assert "broken.pcap" in done.stderr.decode()


def test_an_absent_file(library: Path, tmp_path: Path) -> None:
    done = command(library, tmp_path / "nowhere.pcap", "--ports", "8080")
    assert done.returncode == 1
    assert "nowhere.pcap" in done.stderr.decode()


def test_a_file_that_is_cut(library: Path, tmp_path: Path, capture: Path) -> None:
    """A capture that was still being written: what is whole comes out, and the end is an error all the same."""
    file = tmp_path / "cut.pcap"
    file.write_bytes(capture.read_bytes()[:-10])
    done = command(library, file, "--ports", "8080")
    assert len(done.stdout.splitlines()) == 6
    assert "cut.pcap" in done.stderr.decode()


def test_a_reader_that_goes_away(library: Path, tmp_path: Path) -> None:
    """`| head -1`: the sink ends with one error; nothing hangs and nothing is dumped."""
    file = tmp_path / "many.pcap"
    file.write_bytes(pcap(frames(exchanges(5000).segments)))
    arguments = [sys.executable, "-m", "appliance", "replay", str(file), "--ports", "8080"]
    environment = {**os.environ, "TCP_SNIFFER_LIBRARY": str(library)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["direction"] == "request"
        process.stdout.close()
        log = process.stderr.read().decode()
        assert process.wait(30) is not None
    assert "Traceback" not in log
    assert [json.loads(line)["level"].lower() for line in log.splitlines()].count("error") == 1


@pytest.mark.parametrize("reader", ["gone", "full"])
def test_a_log_that_takes_nothing_costs_no_record(library: Path, tmp_path: Path, reader: str) -> None:
    """`2>&1 >records | head -1`, or a log on a full disk: only the lines are lost."""
    file, out = tmp_path / "many.pcap", tmp_path / "records"
    file.write_bytes(pcap(frames(exchanges(2000).segments)))
    read_end, write_end = os.pipe()
    os.close(read_end)
    log = os.open("/dev/full", os.O_WRONLY) if reader == "full" else write_end
    arguments = ["replay", str(file), "--ports", "8080", "--interface", "nope"]
    try:
        with out.open("wb") as records:
            done = subprocess.run(
                [sys.executable, "-m", "appliance", *arguments],
                stdout=records,
                stderr=log,
                timeout=60,
                env={**os.environ, "TCP_SNIFFER_LIBRARY": str(library)},
                check=False,
            )
    finally:
        for descriptor in {log, write_end}:
            os.close(descriptor)
    assert done.returncode == 0
    assert len(out.read_bytes().splitlines()) == 4000


@contextlib.contextmanager
def without_a_collector(library: Path, capture: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A replay that has read its file and has nobody to send the records to."""
    arguments = ["--ports", "8080", "--no-output-stdout", "--output-url", f"http://127.0.0.1:{unused_port()}/", *more]
    command = [sys.executable, "-m", "appliance", "replay", str(capture), *arguments]
    environment = {**os.environ, "TCP_SNIFFER_LIBRARY": str(library)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr is not None
            assert any('"circuit_open"' in line for line in process.stderr)
            yield process
        finally:
            process.kill()


def test_a_stop_limits_the_time_for_delivery(library: Path, capture: Path) -> None:
    """A replay has all the time until then; what is lost makes the exit code."""
    with without_a_collector(library, capture, "--shutdown-timeout-ms", "500") as process:
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        timed_out = next(line for line in map(json.loads, process.stderr) if line["event"] == "drain_timeout")
        assert timed_out["lost"] > 0
        assert process.wait(20) == 6


def test_a_second_signal_ends_a_delivery_at_once(library: Path, capture: Path) -> None:
    with without_a_collector(library, capture, "--shutdown-timeout-ms", "600000") as process:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 1


def test_a_stdout_that_was_never_open(capture: Path) -> None:
    """`>&-`: one error, as with a reader that is gone; no socket or file takes its number and gets the records."""
    command = [sys.executable, "-m", "appliance", "replay", str(capture), "--ports", "8080"]
    ended = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *command], stderr=subprocess.PIPE, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    log = [json.loads(line) for line in ended.stderr.splitlines()]
    closed, stats = (line for line in log if line["event"] != "connection")
    assert (closed["event"], closed["error"]) == ("sink_closed", "Bad file descriptor")
    dropped = stats["stats"]["sinks"]["stdout"]["dropped"]["sink_closed"]
    assert dropped == stats["stats"]["messages"]["delivered"] > 0
