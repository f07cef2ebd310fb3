"""The built image, run as a pod would run it: least privilege, read-only root, a tenth of a CPU."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from packets import Conversation, pcap
from packets.files import frames

from image.engine import Engine

MIB = 1 << 20
MEMORY_LIMIT = 128 * MIB
REQUESTS = 20
PORT = "8080"
SANDBOX = (
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--read-only",
    "--tmpfs=/run/tcp-sniffer",
    "--tmpfs=/tmp",
    "--memory=128m",
    "--memory-swap=128m",
    "--cpus=0.1",
)
# A server and, by `exec`, its client: the pod's container whose network the sniffer shares.
SERVER = ("-m", "http.server", PORT, "--bind", "127.0.0.1", "--directory", "/opt/tcp-sniffer")
CLIENT = f"""
from urllib.request import urlopen
for number in range({REQUESTS}):
    assert b"home =" in urlopen(f"http://127.0.0.1:{PORT}/pyvenv.cfg?{{number}}").read()
"""


@dataclass(frozen=True)
class Container:
    docker: Engine
    name: str

    def inspect(self, template: str) -> str:
        return self.docker.text("inspect", "--format", template, self.name)

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.docker("logs", self.name).stdout.splitlines()]

    def log(self) -> str:
        return self.docker("logs", self.name).stderr.decode()


Run = Callable[..., Container]


@pytest.fixture
def run(docker: Engine, image: str) -> Iterator[Run]:
    """Starts a container of the image in the background; all are removed at the end."""
    names: list[str] = []

    def start(*options: str, command: tuple[str, ...] = ()) -> Container:
        name = f"tcp-sniffer-test-{uuid4().hex[:8]}"
        names.append(name)
        docker("run", "--detach", "--name", name, *options, image, *command)
        return Container(docker, name)

    yield start
    docker("rm", "--force", *reversed(names))


@pytest.fixture
def target(run: Run) -> Container:
    server = run("--network=none", "--entrypoint=python3", command=SERVER)
    probe = f"import socket; socket.create_connection(('127.0.0.1', {PORT}))"
    wait_until(
        lambda: server.docker("exec", server.name, "python3", "-c", probe, check=False).returncode == 0,
        "the target answers",
    )
    return server


@pytest.fixture
def sniffer(run: Run, target: Container) -> Container:
    started = run(
        f"--network=container:{target.name}",
        *SANDBOX,
        "--cap-add=NET_RAW",
        "--env=INTERFACE=lo",
        f"--env=PORTS={PORT}",
        "--env=OUTPUT_STDOUT=true",
    )
    wait_until(lambda: opened(started) is not None, f"the capture opens; it said: {started.log()}")
    return started


def wait_until(holds: Callable[[], bool], what: str, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, f"after {timeout} s still not: {what}"
        time.sleep(0.2)


def opened(container: Container) -> float | None:
    """When the startup probe's file appeared, seen from outside: a client inside would take of its CPU."""
    pid = container.inspect("{{.State.Pid}}")
    assert pid != "0", f"the sniffer ended: {container.log()}"
    files = list(Path(f"/proc/{pid}/root/run/tcp-sniffer").iterdir())
    return files[0].stat().st_mtime if files else None


def started_at(container: Container) -> float:
    return datetime.fromisoformat(container.inspect("{{.State.StartedAt}}")[:26] + "+00:00").timestamp()


def request(target: Container) -> None:
    target.docker("exec", target.name, "python3", "-c", CLIENT)


def peak_memory(container: Container) -> int:
    """The cgroup's own account; version 1 or 2."""
    read = "cat /sys/fs/cgroup/memory.peak /sys/fs/cgroup/memory/memory.max_usage_in_bytes 2>/dev/null || true"
    return int(container.docker.text("exec", container.name, "sh", "-c", read).split()[0])


def test_a_neighbours_messages_reach_the_log(sniffer: Container, target: Container) -> None:
    request(target)
    wait_until(lambda: len(sniffer.records()) >= 2 * REQUESTS, "every message was reported")

    records = sniffer.records()
    assert all(record["complete"] for record in records)
    requests = [record["path"] for record in records if "method" in record]
    answers = [record["request"]["path"] for record in records if "statusCode" in record]
    assert requests == answers == [f"/pyvenv.cfg?{number}" for number in range(REQUESTS)]
    assert all("home =" in record["body"] for record in records if "statusCode" in record)

    peak = peak_memory(sniffer)
    print(f"peak of the memory cgroup: {peak / MIB:.0f} MiB")
    assert peak < MEMORY_LIMIT
    assert sniffer.inspect("{{.State.OOMKilled}}") == "false"


def test_the_capture_is_open_soon_under_a_tenth_of_a_cpu(sniffer: Container) -> None:
    moment = opened(sniffer)
    assert moment is not None
    seconds = moment - started_at(sniffer)
    print(f"capture open after {seconds:.2f} s at 0.1 CPU")
    assert seconds < 4, "twice the promise, for a busy machine"


def test_a_signal_ends_it_in_order(sniffer: Container, target: Container) -> None:
    request(target)
    sniffer.docker("stop", "--time=30", sniffer.name)

    assert sniffer.inspect("{{.State.ExitCode}}") == "0", sniffer.log()
    assert len(sniffer.records()) == 2 * REQUESTS, "what was captured before the signal is delivered"


def test_without_net_raw_it_says_what_to_add(run: Run) -> None:
    refused = run("--network=none", *SANDBOX, "--env=INTERFACE=lo", f"--env=PORTS={PORT}")
    wait_until(lambda: refused.inspect("{{.State.Running}}") == "false", "the sniffer ends")

    assert refused.inspect("{{.State.ExitCode}}") == "4"
    assert "NET_RAW" in refused.log()


def test_no_compiler_and_no_installer_is_inside(docker: Engine, image: str) -> None:
    tools = "as cc c++ clang cmake g++ gcc ld make ninja pip pip3"
    look = f"for tool in {tools}; do command -v $tool; done; true"
    assert docker.text("run", "--rm", "--network=none", "--entrypoint=sh", image, "-c", look) == ""


def test_every_module_it_imports_has_bytecode(docker: Engine, image: str) -> None:
    """A read-only root can't keep what Python compiles at the start: it would compile at each."""
    look = """
import pathlib, sys
import aiohttp, jsonschema, uvloop, yaml, appliance.cli, appliance.metrics.otlp_exporter
for module in list(sys.modules.values()):
    source, cached = getattr(module, "__file__", None), getattr(module, "__cached__", None)
    if source and cached and not pathlib.Path(cached).exists():
        print(source)
"""
    options = ("run", "--rm", "--network=none", "--read-only", "--entrypoint=python3")
    assert docker.text(*options, image, "-c", look) == ""


def test_replay_runs_inside(docker: Engine, image: str) -> None:
    """By the image's own Python, from stdin, for files are not in the container."""
    talk = Conversation()
    talk.open().exchange(b"GET /a HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").close()
    options = ("run", "--rm", "--interactive", "--network=none", *SANDBOX)
    replayed = docker(*options, image, "replay", "-", "--ports", PORT, stdin=pcap(frames(talk.segments)))

    request_, answer = (json.loads(line) for line in replayed.stdout.splitlines())
    assert (request_["method"], request_["path"]) == ("GET", "/a")
    assert (answer["statusCode"], answer["body"], answer["complete"]) == (200, "hi", True)


def test_the_image_says_what_it_is(docker: Engine, image: str) -> None:
    labels = json.loads(docker.text("inspect", "--format", "{{json .Config.Labels}}", image))
    assert labels["org.opencontainers.image.title"] == "tcp-sniffer"
    assert labels["org.opencontainers.image.revision"] not in {"", "unknown"}
