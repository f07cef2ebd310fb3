"""Ten thousand connections beside a busy nginx: every message accounted for, flat memory, and what a client feels."""

from __future__ import annotations

import contextlib
import functools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from bench.generate import exchanges
from bench.network import INTERFACE, URL, Namespace, web_server, wire
from bench.paced import Paced, PacedLoad, latencies
from bench.process import Child
from bench.report import Report
from bench.sniffer import running
from bench.tools import MEMORY, Tools

_MIB = 1 << 20
CONNECTIONS = 10_000  # each with a request a second, and so two messages
_OPEN_A_SECOND = 1000
_WARM = 60.0  # seconds until all memory that the load needs is there
_SAMPLE = 2.0
_START = 1.0
_SETTLE = 1.0

_BUSY = 0.30  # of the machine's processors, without the sniffer
_LATENCY_CONNECTIONS = 100
_LATENCY_SECONDS = 10.0
_ALLOWED_RATIO, _ALLOWED_MS = 1.05, 0.2


class Memory(NamedTuple):
    """Resident bytes by the time in seconds."""

    at: list[float]
    resident: list[int]

    def slope(self) -> float:
        """MiB an hour of what stays: through the least of each of 20 spans, for queues fill and empty above it."""
        size = max(1, len(self.at) // 20)
        spans = [range(first, first + size) for first in range(0, len(self.at) - size + 1, size)]
        lowest = [min(span, key=self.resident.__getitem__) for span in spans]
        line = statistics.linear_regression([self.at[one] for one in lowest], [self.resident[one] for one in lowest])
        return line.slope * 3600 / _MIB


def run(report: Report, tools: Tools, *, seconds: float, pairs: int, connections: int = CONNECTIONS) -> None:
    report.heading(f"Load: {connections:,} connections, {2 * connections:,} messages/s, {seconds:g} s")
    body = exchanges()[0].body
    with (
        wire() as (server, client),
        tempfile.TemporaryDirectory(dir=MEMORY) as folder,
        web_server(server, Path(folder), body),
    ):
        _steady(report, tools, server, client, seconds, connections)
        if pairs:
            _latency(report, tools, server, client, pairs, Path(folder))


def _steady(
    report: Report, tools: Tools, server: Namespace, client: Namespace, seconds: float, connections: int
) -> None:
    ramp = -(-connections // _OPEN_A_SECOND)
    with running(tools, server, "--output-stdout", interface=INTERFACE) as sniffer:
        time.sleep(_START)
        with contextlib.closing(
            Paced(client, URL, connections=connections, rate=connections, seconds=seconds, ramp=ramp)
        ) as paced:
            memory = _watch(sniffer.child, paced, min(_WARM, seconds / 2))
            load = paced.finish()
        time.sleep(_SETTLE)
        usage, stats = sniffer.stop(), sniffer.stats()
    first, last, highest = memory.resident[0], memory.resident[-1], max(memory.resident)
    report.table(
        ("", "requests", "seconds", "CPU s", "us a message", "MiB at first", "at last", "highest"),
        [
            ("load", f"{load.done:,}", f"{load.seconds:.0f}", f"{usage.cpu:.1f}",
             f"{usage.cpu / load.done / 2 * 1e6:.2f}", *(f"{size / _MIB:.1f}" for size in (first, last, highest)))
        ],
    )  # fmt: skip
    _check(report, load, stats)
    report.at_most("load: memory's slope", memory.slope(), 1, " MiB/h")


def _watch(child: Child, paced: Paced, warm: float) -> Memory:
    memory = Memory([], [])
    began = time.monotonic()
    while not paced.ended():
        time.sleep(_SAMPLE)
        if (at := time.monotonic() - began) > warm:
            memory.at.append(at)
            memory.resident.append(child.resident())
    return memory


def _check(report: Report, load: PacedLoad, stats: dict[str, Any]) -> None:
    """Each answered request is two whole messages, or the ledger says what is missing."""
    messages, sink = stats["messages"], stats["sinks"]["stdout"]
    whole = sink["delivered"] - messages["incomplete"]
    counted = {
        "kernel_dropped": stats["capture"]["kernel_dropped"],
        "queue_full": messages["queue_full"],
        "incomplete": messages["incomplete"],
        **sink["dropped"],
    }
    said = ", ".join(f"{name} {count:,}" for name, count in counted.items() if count) or "nothing lost"
    report.equal("load: requests that failed", load.done - load.succeeded, 0)
    report.equal("load: whole messages less than those sent", 2 * load.done - whole, 0)
    report.holds(
        "load: what is missing is in the ledger", said, reached=whole == 2 * load.done or any(counted.values())
    )


def _latency(
    report: Report, tools: Tools, server: Namespace, client: Namespace, pairs: int, folder: Path
) -> None:  # fmt: skip
    """The 99th percentile of nginx's answers, with and without the sniffer, in turns."""
    log = folder / "h2load.log"
    p99 = functools.partial(_p99_ms, client, log)
    rate = _rate_for(_BUSY, p99)
    without, beside = [], []
    for _ in range(pairs):
        without.append(p99(rate))
        with running(tools, server, "--output-stdout", interface=INTERFACE):
            time.sleep(_START)
            beside.append(p99(rate))
    report.table(
        ("p99, ms", *(str(number + 1) for number in range(pairs))),
        [(name, *(f"{value:.3f}" for value in row)) for name, row in (("without", without), ("with", beside))],
    )
    more = statistics.median(with_it - alone for alone, with_it in zip(without, beside, strict=True))
    ratio = statistics.median(with_it / alone for alone, with_it in zip(without, beside, strict=True))
    report.holds(
        f"load: nginx's p99 at {rate:,.0f} requests/s ({_BUSY:.0%} of the processors), with the sniffer / without",
        f"{ratio:.2f}, {more:+.2f} ms",
        reached=ratio <= _ALLOWED_RATIO or more <= _ALLOWED_MS,
    )


def _p99_ms(client: Namespace, log: Path, rate: float) -> float:
    with contextlib.closing(
        Paced(client, URL, connections=_LATENCY_CONNECTIONS, rate=rate, seconds=_LATENCY_SECONDS, log=log)
    ) as paced:
        paced.finish()
    found = latencies(log, after=2)
    log.unlink()
    return found[len(found) * 99 // 100] / 1000


def _rate_for(busy: float, load: Callable[[float], object]) -> float:
    """The rate at which the machine is so busy: the load grows with it, near enough."""
    rate = 2000.0
    for _ in range(2):
        before = _ticks()
        load(rate)
        idle, total = (now - then for now, then in zip(_ticks(), before, strict=True))
        rate *= busy / (1 - idle / total)
    return rate


def _ticks() -> tuple[int, int]:
    """The processors' time: (idle, all), as in the first line of /proc/stat (proc(5))."""
    fields = list(map(int, Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]))
    return fields[3] + fields[4], sum(fields)
