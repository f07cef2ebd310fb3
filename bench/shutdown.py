"""SIGTERM at full load: all that was captured comes out, in time. nginx's own log is the witness."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from bench.generate import exchanges
from bench.live import START
from bench.network import INTERFACE, Load, Namespace, Wrk, web_server, wire
from bench.report import Report
from bench.sniffer import running
from bench.tools import MEMORY, Tools

_LOAD_SECONDS = 10
_BEFORE_SIGTERM = 5
_TIMEOUT_S = 10 + 2  # the defaults of shutdownTimeoutMs and shutdownCaptureMs
_CLOCKS_MS = 2  # nginx's clock is updated once an event loop turn, and in milliseconds


@dataclass(frozen=True)
class Shot:
    """When SIGTERM was sent, and what came of it."""

    asked: float
    took: float
    status: int
    load: Load
    stats: dict[str, Any]


def run(report: Report, tools: Tools) -> None:
    report.heading("SIGTERM at full load")
    body = exchanges()[0].body
    with tempfile.TemporaryDirectory(dir=MEMORY) as name, tempfile.TemporaryFile(dir=MEMORY) as records:
        folder = Path(name)
        log = folder / "access.log"
        with wire() as (server, client), web_server(server, folder, body, access_log=log):
            shot = _shoot(tools, server, client, records)
        answered = _answered(log, shot.asked)
        delivered = _delivered(records)
    _check(report, shot, answered, delivered)
    messages = shot.stats["messages"]
    report.table(
        ("", "requests/s", "exit after s", "answered before", "responses out", "incomplete"),
        [
            (
                "at SIGTERM",
                f"{shot.load.rate:,.0f}",
                f"{shot.took:.2f}",
                f"{answered.total():,}",
                f"{delivered.total():,}",
                f"{messages['incomplete']:,}",
            )
        ],
    )
    report.equal(
        "shutdown: kernel_dropped, queue_full", shot.stats["capture"]["kernel_dropped"] + messages["queue_full"], 0
    )


def _shoot(tools: Tools, server: Namespace, client: Namespace, records: IO[bytes]) -> Shot:
    with running(tools, server, "--output-stdout", interface=INTERFACE, stdout=records) as sniffer:
        time.sleep(START)
        with contextlib.closing(Wrk(client, _LOAD_SECONDS)) as wrk:
            time.sleep(_BEFORE_SIGTERM)
            asked = time.time()
            usage = sniffer.stop()
            took = time.time() - asked
            return Shot(asked, took, usage.status, wrk.finish(), sniffer.stats())


def _answered(log: Path, asked: float) -> Counter[int]:
    """Answers by the client's port that nginx had sent when SIGTERM came."""
    ports: Counter[int] = Counter()
    for line in log.read_text().splitlines():
        when, port, _status = line.split()
        if float(when) < asked - _CLOCKS_MS / 1000:
            ports[int(port)] += 1
    return ports


def _delivered(records: IO[bytes]) -> Counter[int]:
    """Complete responses by the client's port."""
    records.seek(0)
    return Counter(_whole_responses(records))


def _whole_responses(lines: Iterable[bytes]) -> Iterable[int]:
    for line in lines:
        record = json.loads(line)
        if record["direction"] == "response" and record["complete"] and "request" in record:
            yield record["destination"]["port"]


def _check(report: Report, shot: Shot, answered: Counter[int], delivered: Counter[int]) -> None:
    missing = sum(max(0, count - delivered[port]) for port, count in answered.items())
    report.equal("shutdown: answers sent before SIGTERM that did not come out", missing, 0)
    report.equal("shutdown: exit code", shot.status, 0)
    report.at_most("shutdown: exit after SIGTERM", shot.took, _TIMEOUT_S, " s")
