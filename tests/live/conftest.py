from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from network import SERVER, Namespace, Network
from processes import NGINX_PORT, Listen, Sniffer, aiohttp_server, nginx
from recording import Get, Record, Recorder

FILES = {"small.json": b'{"a": 1}', "big.bin": bytes(range(256)) * 40_000, "2k.txt": b"0123456789abcdef" * 128}


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    if os.geteuid() != 0:
        pytest.fail("the live tests make network namespaces: they need root", pytrace=False)
    made = Network()
    try:
        made.create()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="session")
def servers(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, bytes]]:
    """nginx and the aiohttp server, in the server's namespace; the files that nginx serves."""
    folder = tmp_path_factory.mktemp("nginx")
    for parent in folder.parents[:2]:
        parent.chmod(0o755)
    with nginx(network.server, folder, FILES), aiohttp_server(network.server):
        yield FILES


@pytest.fixture
def listen(network: Network, library: Path, tmp_path: Path) -> Listen:
    """Starts a sniffer beside the servers: listen("--interface", "wire", ...)."""
    numbers = itertools.count()

    def start(*options: str, place: Namespace = network.server, **more: Any) -> Sniffer:
        folder = tmp_path / f"sniffer{next(numbers)}"
        return Sniffer(place, folder, library, "--ports", "8080,8081", *options, **more)

    return start


@pytest.fixture
def record(network: Network, library: Path, tmp_path: Path) -> Iterator[Record]:
    """Starts a sniffer that records: record("--recording-max-files=2", ...)."""
    started: list[Recorder] = []

    def start(*options: str, before: tuple[str, ...] = ()) -> Recorder:
        started.append(Recorder(network.server, tmp_path / "recorder", library, *options, before=before))
        return started[-1]

    yield start
    for recorder in started:
        if recorder.process.poll() is None:
            recorder.kill()


@pytest.fixture
def get(network: Network, servers: dict[str, bytes]) -> Get:
    """One request from the client's namespace to nginx: get("/small.json")."""
    assert servers

    def ask(path: str) -> None:
        url = f"http://{SERVER[0]}:{NGINX_PORT}{path}"
        command = network.client.inside("curl", "-sS", "--noproxy", "*", "-o", "/dev/null", "--max-time", "30", url)
        subprocess.run(command, check=True, timeout=60)

    return ask
