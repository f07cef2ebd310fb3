"""Faults, as in test_faults.py: where no file descriptor is left."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from network import Namespace, Network, run
from processes import Listen, stop, wait_until
from steady import asking
from test_faults import SMALL, assert_all_told

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.timeout(180)]

STATUS_PORT = 9900


@contextlib.contextmanager
def collecting(place: Namespace, file: Path) -> Iterator[int]:
    """A collector that appends what it gets to the file; gives its port."""
    command = place.inside(sys.executable, str(Path(__file__).with_name("collector.py")), str(file))
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        stop(process)
        process.stdout.close()


def test_no_file_descriptor_left(network: Network, listen: Listen, tmp_path: Path) -> None:
    """What needs one fails until there are some again: deliveries, the status pages, the next file. It says so."""
    file, folder = tmp_path / "posts", tmp_path / "recording"
    folder.mkdir()
    with collecting(network.server, file) as port:
        output = ("--output-url", f"http://127.0.0.1:{port}/", "--output-spool-directory", str(tmp_path / "spool"))
        recording = ("--recording", f"--recording-directory={folder}", "--recording-rotate-bytes=65536")
        sniffer = listen("--interface", "wire", *output, *recording, "--status-listen", f"127.0.0.1:{STATUS_PORT}")
        with asking(network.client, SMALL) as steady:
            wait_until(lambda: bool(lines(file)), sniffer.process, "the delivery")
            limits = resource.prlimit(sniffer.process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(sniffer.process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
            sniffer.until_event("post_spooled")
            sniffer.until_event("recording_paused")
            assert page(network.server, "/healthz") != "200"
            resource.prlimit(sniffer.process.pid, resource.RLIMIT_NOFILE, limits)
            sniffer.until_event("recording_resumed")
            assert page(network.server, "/healthz") == "200"
        wait_until(lambda: len(lines(file)) >= 2 * len(steady.answered), sniffer.process, "the delivery")
        assert stop(sniffer.process) == 0
    assert_all_told(sniffer, steady)
    assert sorted(map(_identity, map(json.loads, lines(file)))) == sorted(map(_identity, sniffer.messages))
    assert "Too many open files" in json.dumps(sniffer.events("post_spooled"))
    assert "Too many open files" in json.dumps(sniffer.events("recording_paused"))


def test_no_file_descriptor_left_to_end_with(network: Network, listen: Listen) -> None:
    """All is told and drained; that the loop cannot be closed is a warning."""
    sniffer = listen("--interface", "wire")
    sniffer.until_event("start")
    with asking(network.client, SMALL) as steady:
        limits = resource.prlimit(sniffer.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(sniffer.process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        time.sleep(1)
    assert stop(sniffer.process) == 0
    assert_all_told(sniffer, steady)
    assert not sniffer.events("failed")
    assert "Too many open files" in sniffer.events("loop_not_closed")[0]["error"]


STREAM_CLIENT = """
import socket
with socket.create_connection(("127.0.0.1", 9191)) as stream:
    stream.settimeout(20)
    print("connected", flush=True)
    print(stream.recv(4, socket.MSG_WAITALL).hex(), flush=True)
"""


def test_no_file_descriptor_for_a_client_of_the_stream(network: Network, listen: Listen, tmp_path: Path) -> None:
    """It waits, and costs nothing meanwhile."""
    recording = ("--recording", f"--recording-directory={tmp_path}", "--recording-stream-listen=127.0.0.1:9191")
    sniffer = listen("--interface", "wire", *recording, "--stats-interval-ms", "1000")
    sniffer.until_event("stats")
    limits = resource.prlimit(sniffer.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(sniffer.process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    command = network.server.inside(sys.executable, "-c", STREAM_CLIENT)
    with (
        asking(network.client, SMALL) as steady,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client,
    ):
        assert client.stdout is not None
        assert client.stdout.readline() == "connected\n", "by the kernel"
        before = processor_time(sniffer.process.pid)
        time.sleep(2)
        after = processor_time(sniffer.process.pid)
        assert max(after[thread] - before[thread] for thread in before.keys() & after) < 0.2, "seconds"
        assert not sniffer.events("stream_client")
        resource.prlimit(sniffer.process.pid, resource.RLIMIT_NOFILE, limits)
        assert client.stdout.readline() == "0a0d0d0a\n", "how a pcapng begins"
    assert stop(sniffer.process) == 0
    assert_all_told(sniffer, steady)


def processor_time(process: int) -> dict[str, float]:
    """Seconds that each of its threads has had."""
    found = {}
    for thread in Path(f"/proc/{process}/task").iterdir():
        user, system = (thread / "stat").read_text().rpartition(")")[2].split()[11:13]
        found[thread.name] = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return found


def page(place: Namespace, path: str) -> str:
    """The status code; 000 where nobody answers."""
    options = ("-s", "--noproxy", "*", "--max-time", "1", "-o", "/dev/null", "-w", "%{http_code}")
    return run(*place.inside("curl", *options, f"http://127.0.0.1:{STATUS_PORT}{path}"), check=False).stdout


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def _identity(record: dict[str, Any]) -> tuple[Any, ...]:
    return (record["connectionId"], record["exchange"], record["direction"])
