"""How the sniffer's cost grows: CPU with messages, connections and bodies; memory with connections and bodies."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench import documented, drawing
from bench.connections import held
from bench.network import INTERFACE, URL, Namespace, namespace, web_server, wire
from bench.paced import Paced
from bench.report import Report
from bench.sniffer import running
from bench.tools import MEMORY, Tools

_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30
_SETTLE = 2.0
_RAMP = 2
_HEADS = 400  # bytes of both heads of an exchange, near enough
# (connections, requests/s, bytes of a response's body): one of the three grows, then the next.
_BY_RATE = tuple((100, rate, 2 * _KIB) for rate in (0, 125, 250, 500, 1000, 2000, 4000))
_BY_CONNECTIONS = tuple((connections, 1000, 2 * _KIB) for connections in (10, 100, 1000, 5000))
_BY_SIZE = tuple((100, 250, size * _KIB) for size in (0, 16, 64, 256))
# (connections in the midst of a body, maxBodySize)
_MEMORY_POINTS = tuple((count, size * _KIB) for size in (4, 16, 64) for count in (0, 250, 500, 1000))


Terms = tuple[float, ...]


class Cpu(NamedTuple):
    """What one load took, in shares of a processor."""

    connections: int
    messages: int  # a second
    megabytes: float  # a second
    share: float

    @property
    def terms(self) -> Terms:
        return (1, self.messages, self.megabytes)


class Held(NamedTuple):
    """What the sniffer held resident, with so many connections in the midst of a body that it keeps so much of."""

    connections: int
    body: int
    resident: int

    @property
    def terms(self) -> Terms:
        return (1, self.connections, self.connections * self.body)


class Fit(NamedTuple):
    """Least squares: of each term its factor, and the share of the variance that all explain."""

    factors: Terms
    explained: float

    def at(self, terms: Terms) -> float:
        return sum(factor * term for factor, term in zip(self.factors, terms, strict=True))


def run(report: Report, tools: Tools, *, seconds: float, picture: Path) -> None:
    report.heading(f"Growth: CPU over {seconds:g} s of each load, memory with bodies in the midst")
    cpu = [_cpu(tools, *point, seconds) for point in (*_BY_RATE, *_BY_CONNECTIONS, *_BY_SIZE)]
    memory = list(_memory(tools))
    cpu_fit = fit([point.share for point in cpu], [point.terms for point in cpu])
    memory_fit = fit([point.resident for point in memory], [point.terms for point in memory])
    _tables(report, cpu, cpu_fit, memory, memory_fit)
    drawing.fitted(picture, [*_cpu_panels(cpu, cpu_fit), _memory_panel(memory, memory_fit)])
    report.note(f"drawn: {picture}\n")
    report.at_least("growth: CPU, explained by messages and bytes", 100 * cpu_fit.explained, 90, " %")
    report.at_least("growth: memory, explained by connections and bodies", 100 * memory_fit.explained, 95, " %")
    documented.compare(report, cpu_fit.factors[1:], memory_fit.factors)


def fit(values: Sequence[float], terms: Sequence[Terms]) -> Fit:
    y, rows = np.array(values, float), np.array(terms, float)
    factors = np.linalg.lstsq(rows, y, rcond=None)[0]
    explained = 1 - ((y - rows @ factors) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    return Fit(tuple(map(float, factors)), float(explained))


def _cpu(tools: Tools, connections: int, rate: int, size: int, seconds: float) -> Cpu:
    with (
        wire() as (server, client),
        tempfile.TemporaryDirectory(dir=MEMORY) as folder,
        web_server(server, Path(folder), b"x" * size),
        running(tools, server, "--output-stdout", interface=INTERFACE) as sniffer,
        _load(client, connections, rate, seconds),
    ):
        time.sleep(_RAMP + _SETTLE)
        before, began = sniffer.child.cpu(), time.monotonic()
        time.sleep(seconds)
        share = (sniffer.child.cpu() - before) / (time.monotonic() - began)
    return Cpu(connections, 2 * rate, rate * (size + _HEADS) / 1e6, share)


@contextlib.contextmanager
def _load(client: Namespace, connections: int, rate: int, seconds: float) -> Iterator[None]:
    if not rate:
        yield
        return
    with contextlib.closing(
        Paced(client, URL, connections=connections, rate=rate, seconds=seconds + 2 * (_RAMP + _SETTLE), ramp=_RAMP)
    ):
        yield


def _memory(tools: Tools) -> Iterator[Held]:
    with namespace("growth") as where:
        for count, size in _MEMORY_POINTS:
            options = (f"--max-memory={_GIB}", f"--max-body-size={size}")
            with (
                running(tools, where, "--output-stdout", *options, interface="lo") as sniffer,
                held(where, "endless", count) if count else held(where, "idle", 1),
            ):
                time.sleep(_SETTLE)
                yield Held(count, size, sniffer.child.resident())


def _cpu_panels(cpu: Sequence[Cpu], found: Fit) -> list[drawing.Panel]:
    def panel(x: str, column: str, points: Sequence[Cpu]) -> drawing.Panel:
        of_one = [drawing.Point(getattr(p, column), 1000 * p.share, 1000 * found.at(p.terms)) for p in points]
        return drawing.Panel(x, "CPU, thousandths of a processor", {"": of_one})

    count = len(_BY_RATE)
    by_rate, by_connections, by_size = cpu[:count], cpu[count : -len(_BY_SIZE)], cpu[-len(_BY_SIZE) :]
    return [
        panel("messages/s of 1.2 KB", "messages", by_rate),
        panel("connections, at 2,000 messages/s", "connections", by_connections),
        panel("MB/s, at 500 messages/s", "megabytes", by_size),
    ]


def _memory_panel(memory: Sequence[Held], found: Fit) -> drawing.Panel:
    lines: dict[str, list[drawing.Point]] = defaultdict(list)
    for p in memory:
        point = drawing.Point(p.connections, p.resident / _MIB, found.at(p.terms) / _MIB)
        lines[f"maxBodySize {p.body // _KIB} KiB"].append(point)
    return drawing.Panel("connections in a message", "MiB resident", dict(lines))


def _tables(report: Report, cpu: Sequence[Cpu], cpu_fit: Fit, memory: Sequence[Held], memory_fit: Fit) -> None:
    a, b, c = cpu_fit.factors
    report.table(
        ("connections", "messages/s", "MB/s", "CPU", "fitted"),
        [
            (f"{point.connections:,}", f"{point.messages:,.0f}", f"{point.megabytes:.1f}", f"{point.share:.3f}",
             f"{cpu_fit.at(point.terms):.3f}")
            for point in cpu
        ],
    )  # fmt: skip
    report.note(f"CPU = {1000 * a:.1f}m + {1000 * 1000 * b:.1f}m per 1,000 messages/s + {1000 * c:.2f}m per MB/s\n")
    d, e, f = memory_fit.factors
    report.table(
        ("connections in a message", "maxBodySize, KiB", "MiB", "fitted"),
        [
            (f"{point.connections:,}", f"{point.body // _KIB}", f"{point.resident / _MIB:.1f}",
             f"{memory_fit.at(point.terms) / _MIB:.1f}")
            for point in memory
        ],
    )  # fmt: skip
    report.note(f"memory = {d / _MIB:.0f} MiB + connections * ({e / _KIB:.1f} KiB + {f:.2f} * maxBodySize)\n")
