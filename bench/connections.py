"""Real connections over loopback, run inside a namespace: python -m bench.connections WHAT COUNT ADDRESS.

Says `ready` when all is done, and ends when its stdin does.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator

from bench.network import Namespace
from bench.tools import ROOT

_REQUEST = (
    b"POST /cart HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: bench\r\nContent-Type: application/json\r\n"
    b'Content-Length: 13\r\n\r\n{"items":[1]}'
)
_RESPONSE = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'
_ENDLESS = b"POST /upload HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1000000000000\r\n\r\n"
_CHUNK = b'{"reading":"0123456789"},' * 640  # 16 KB
_ROUNDS = 20

_EACH = 5000  # connections of one process, which holds both ends

Pair = tuple[socket.socket, socket.socket]


def _open(count: int, address: str) -> list[Pair]:
    """Connections, both ends ours, each with one exchange done."""
    listener = socket.create_server((address, 80))
    pairs = []
    for _ in range(count):
        client = socket.create_connection((address, 80))
        server, _ = listener.accept()
        _send(client, server, _REQUEST)
        _send(server, client, _RESPONSE)
        pairs.append((client, server))
    listener.close()
    return pairs


def _send(source: socket.socket, destination: socket.socket, data: bytes) -> None:
    source.sendall(data)
    left = len(data)
    while left:
        left -= len(destination.recv(left))


def _flood(pairs: list[Pair]) -> None:
    """A body on every connection that never ends, a piece at a time on each."""
    for client, server in pairs:
        _send(client, server, _ENDLESS)
    for _ in range(_ROUNDS):
        for client, server in pairs:
            _send(client, server, _CHUNK)


@contextlib.contextmanager
def held(where: Namespace, what: str, count: int) -> Iterator[None]:
    """Holds them open, by as many processes as the limit of open files asks for, each with an address of its own."""
    numbers = range(-(-count // _EACH))
    workers = [_worker(where, what, min(count, _EACH), f"127.0.0.{number + 1}") for number in numbers]
    try:
        for worker in workers:
            if worker.stdout is None or worker.stdout.readline() != b"ready\n":
                raise RuntimeError("the connections could not be made")
        yield
    finally:
        for worker in workers:
            worker.communicate()


def _worker(where: Namespace, what: str, count: int, address: str) -> subprocess.Popen[bytes]:
    command = where.inside([sys.executable, "-m", "bench.connections", what, str(count), address])
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def main(what: str, count: int, address: str) -> None:
    dead = socket.create_server((address, 81))  # a collector that takes connections and never answers
    pairs = _open(count, address)
    if what == "endless":
        _flood(pairs)
    print("ready", flush=True)
    sys.stdin.read()
    dead.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
