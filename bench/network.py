"""Two network namespaces with a wire between them: a web server at one end, its client at the other."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.process import Child

ADDRESS = "10.77.0.1"
INTERFACE = "bench0"  # the server's end of the wire
URL = f"http://{ADDRESS}/data.json"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


class Namespace:
    """A network namespace of our own, with its loopback up."""

    def __init__(self, role: str) -> None:
        self.name = f"bench-{role}-{os.getpid()}"
        _ip("netns", "add", self.name)
        _ip("-n", self.name, "link", "set", "lo", "up")

    def inside(self, command: list[str]) -> list[str]:
        """`ip` replaces itself by the command: its process is the command's."""
        return ["ip", "netns", "exec", self.name, *command]

    def close(self) -> None:
        subprocess.run(["ip", "netns", "delete", self.name], check=False)


class Here(Namespace):
    """The network namespace that this process is in already."""

    def __init__(self) -> None:
        self.name = ""

    def inside(self, command: list[str]) -> list[str]:
        return command

    def close(self) -> None:
        pass


@contextlib.contextmanager
def namespace(role: str) -> Iterator[Namespace]:
    made = Namespace(role)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def wire() -> Iterator[tuple[Namespace, Namespace]]:
    """(server, client), connected."""
    with namespace("server") as server, namespace("client") as client:
        _ip("-n", server.name, "link", "add", INTERFACE, "type", "veth", "peer", "name", "bench1", "netns", client.name)
        for end, interface, address in ((server, INTERFACE, ADDRESS), (client, "bench1", "10.77.0.2")):
            _ip("-n", end.name, "address", "add", f"{address}/24", "dev", interface)
            _ip("-n", end.name, "link", "set", interface, "up")
        yield server, client


_NGINX = """
daemon off;
master_process off;
user root;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 16384; }}
http {{
    log_format bench '$msec $remote_port $status';
    access_log {access_log};
    default_type application/json;
    keepalive_requests 1000000000;
    open_file_cache max=16;
    client_max_body_size 0;
    {temporary}
    server {{ listen 80; root {folder}; }}
}}
"""


@contextlib.contextmanager
def web_server(where: Namespace, folder: Path, body: bytes, *, access_log: Path | None = None) -> Iterator[Child]:
    """nginx with one file. `access_log` gets a line per answer: when, the client's port, the status."""
    (folder / "data.json").write_bytes(body)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    text = _NGINX.format(
        folder=folder,
        access_log=f"{access_log} bench buffer=4m flush=1s" if access_log else "off",
        temporary=" ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    server = Child(where.inside(["nginx", "-e", "stderr", "-c", str(configuration)]))
    try:
        while not (folder / "nginx.pid").exists():
            if server.ended():
                raise RuntimeError("nginx did not start")
            time.sleep(0.05)
        yield server
        server.stop()
    finally:
        server.close()


class Load(NamedTuple):
    """What wrk counted."""

    requests: int
    rate: float
    errors: str


class Wrk:
    """wrk at full speed: one thread, fifty connections."""

    CONNECTIONS = 50

    def __init__(self, where: Namespace, seconds: float) -> None:
        command = ["wrk", "-t1", f"-c{self.CONNECTIONS}", f"-d{seconds:g}s", URL]
        self._process = subprocess.Popen(where.inside(command), stdout=subprocess.PIPE, text=True)

    def finish(self) -> Load:
        output, _ = self._process.communicate()
        requests = re.search(r"(\d+) requests in", output)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
        if self._process.returncode or requests is None or rate is None:
            raise RuntimeError(f"wrk ended with {self._process.returncode}: {output}")
        errors = re.search(r"(?:Socket errors|Non-2xx).*", output)
        return Load(int(requests[1]), float(rate[1]), errors[0] if errors else "")

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
