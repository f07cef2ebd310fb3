from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from network import Namespace, Network
from processes import Listen, Sniffer, aiohttp_server, nginx

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
