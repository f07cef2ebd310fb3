"""The programs of the live tests: the sniffer, tcpdump, nginx, the aiohttp server."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from network import START_TIMEOUT_S, Namespace
from replay_engine import assert_balanced, assert_valid

NGINX_PORT, AIOHTTP_PORT = 8080, 8081
# The tests are about what is told, not about limits: room for 10 MB bodies, and a ring that holds them all.
ROOM = {
    "--max-body-size": 1 << 26,
    "--max-record-size": 1 << 27,
    "--max-memory": 1 << 30,
    "--output-queue-size": 1 << 28,
    "--capture-buffer-size": 1 << 26,
}


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], what: str, patience: float = START_TIMEOUT_S
) -> None:
    deadline = time.monotonic() + patience
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not start (exit code {process.returncode})")
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM, patience: float = 20) -> int:
    process.send_signal(number)
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


class Sniffer:
    """`tcp-sniffer run` in a namespace, from its start to its end. `prefix`: a command that starts it."""

    def __init__(
        self,
        place: Namespace,
        folder: Path,
        library: Path,
        *options: str,
        prefix: Sequence[str] = (),
        limits: Mapping[str, int] = ROOM,
        patience: float = START_TIMEOUT_S,
    ) -> None:
        folder.mkdir()
        self._out, self._log = folder / "records", folder / "log"
        environment = {**os.environ, "TMPDIR": str(folder), "TCP_SNIFFER_LIBRARY": str(library)}
        command = (*prefix, *place.inside(sys.executable, "-m", "appliance", "run", "--output-stdout", *options))
        command += tuple(f"{name}={value}" for name, value in limits.items())
        with self._out.open("wb") as out, self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=out, stderr=log, env=environment)
        try:
            wait_until((folder / "capture-open").exists, self.process, "the sniffer", patience)
        except RuntimeError as error:
            stop(self.process)
            raise RuntimeError(f"{error}\n{self._log.read_text()}") from error

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line.get("event") == name]

    def until_event(self, name: str) -> None:
        wait_until(lambda: bool(self.events(name)), self.process, f"event {name}")

    @property
    def stats(self) -> dict[str, Any]:
        """The final ones."""
        return next(line["stats"] for line in self.log if line.get("final"))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Of a sniffer that has ended, after the checks that hold for every run."""
        lines = [json.loads(line) for line in self._out.read_text().splitlines()]
        for line in lines:
            assert_valid(line)
        assert_balanced(self.stats, self.stats["messages"]["delivered"])
        assert self.stats["sinks"]["stdout"]["delivered"] == len(lines)
        return [line for line in lines if line["direction"] != "connection"]

    def stop(self) -> list[dict[str, Any]]:
        """Ends one that had nothing to lose; its messages."""
        assert stop(self.process) == 0, self.log
        assert self.stats["capture"]["kernel_dropped"] == 0, self.stats
        return self.messages


Listen = Callable[..., Sniffer]  # what the fixture `listen` gives


def _until_settled(file: Path) -> None:
    """Until what the kernel's ring still holds is written: tcpdump gets a block after a second at the latest."""
    size = -1
    while size != (size := file.stat().st_size):
        time.sleep(1.5)


@contextlib.contextmanager
def tcpdump(place: Namespace, interface: str, file: Path) -> Iterator[None]:
    command = place.inside("tcpdump", "-i", interface, "-w", str(file), "-U", "-s", "262144", "-B", "131072", "tcp")
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        said = b""

        def listening() -> bool:
            nonlocal said
            said += (process.stderr.read() or b"") if process.stderr else b""
            return b"listening on" in said

        wait_until(listening, process, "tcpdump")
        try:
            yield
            _until_settled(file)
        finally:
            stop(process, signal.SIGINT)
            listening()
    assert b"\n0 packets dropped by kernel" in said, said.decode()


NGINX = """\
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_timeout 60;
    server {{
        listen {port};
        listen [::]:{port};
        root {folder}/www;
        location /proxy/ {{
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://127.0.0.1:{upstream}/;
        }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(place: Namespace, folder: Path, files: dict[str, bytes]) -> Iterator[None]:
    www = folder / "www"
    www.mkdir(parents=True)
    folder.chmod(0o755)
    for name, content in files.items():
        (www / name).write_bytes(content)
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=NGINX_PORT, upstream=AIOHTTP_PORT))
    command = place.inside("nginx", "-c", str(config), "-g", "user root;")
    with _server(place, command, NGINX_PORT):
        yield


@contextlib.contextmanager
def aiohttp_server(place: Namespace) -> Iterator[None]:
    program = Path(__file__).with_name("web_server.py")
    with _server(place, place.inside(sys.executable, str(program), str(AIOHTTP_PORT)), AIOHTTP_PORT):
        yield


@contextlib.contextmanager
def _server(place: Namespace, command: tuple[str, ...], port: int) -> Iterator[None]:
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: f":{port} " in place.run("ss", "-Hltn"), process, command[4])
        yield
    finally:
        stop(process)
