"""A client that asks all the time, run as a program (steady.py URL INTERVAL) until SIGTERM, and beside a test.

The Nth request asks for `URL?N`, all of them on one connection for as long as that lasts."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from network import Namespace

TIMEOUT_S = 30.0


@dataclass
class Steady:
    """Numbers of requests, once it has ended; seconds."""

    answered: list[int] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    slowest: float = 0.0


@contextlib.contextmanager
def asking(place: Namespace, url: str, interval: float = 0.01) -> Iterator[Steady]:
    command = place.inside(sys.executable, str(Path(__file__)), url, str(interval))
    steady = Steady()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"asking\n"
    try:
        yield steady
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=2 * TIMEOUT_S)
    found = json.loads(said)
    steady.answered, steady.failed, steady.slowest = found["answered"], found["failed"], found["slowest"]


def _ask(url: str, interval: float) -> Steady:
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    result = Steady()
    number = 0
    print("asking", flush=True)
    while not stopped:
        begin = time.monotonic()
        try:
            connection.request("GET", f"{parts.path}?{number}")
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                result.answered.append(number)
            else:
                result.failed[str(number)] = f"status {answer.status}"
        except (OSError, http.client.HTTPException) as error:
            result.failed[str(number)] = repr(error)
            connection.close()
        result.slowest = max(result.slowest, time.monotonic() - begin)
        number += 1
        time.sleep(interval)
    connection.close()
    return result


if __name__ == "__main__":
    json.dump(vars(_ask(sys.argv[1], float(sys.argv[2]))), sys.stdout)
