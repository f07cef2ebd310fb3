"""A real server under full load, with the sniffer on its interface, beside tcpdump on the same."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.generate import exchanges
from bench.network import INTERFACE, Load, Namespace, Wrk, web_server, wire
from bench.process import Child
from bench.report import Report
from bench.sniffer import running
from bench.tools import MEMORY, Tools

_RING_KIB = 8192  # the sniffer's default, 8 MiB
_SNAP_LENGTH = 262144
_TO_FILE_SECONDS = 5
START = 1.0  # a listener's own start is not what is measured here
_SETTLE = 0.5  # the last packets' way from the wire to the reader


@dataclass(frozen=True)
class Shot:
    """One load, seen by one listener."""

    load: Load
    cpu: float
    packets: int
    dropped: int

    @property
    def cpu_a_packet(self) -> float:
        return self.cpu / self.packets * 1e6


def run(report: Report, tools: Tools, *, rounds: int, seconds: float) -> None:
    report.heading(f"Live: wrk at full speed for {seconds:g} s, a 2 KB file from nginx, {rounds} rounds in turns")
    body = exchanges()[0].body
    with wire() as (server, client), tempfile.TemporaryDirectory() as folder, web_server(server, Path(folder), body):
        _load(client, 1)  # warm
        alone = [_load(client, seconds)]
        tcpdump: list[Shot] = []
        sniffer: list[Shot] = []
        for number in range(rounds):
            tcpdump.append(_tcpdump(server, client, seconds))
            sniffer.append(_sniffer(report, tools, server, client, seconds, f"live, round {number + 1}"))
        _compare(report, alone, tcpdump, sniffer)
        _check_records(report, tools, server, client, body.decode())


def _load(client: Namespace, seconds: float) -> Load:
    with contextlib.closing(Wrk(client, seconds)) as wrk:
        return wrk.finish()


def _tcpdump(server: Namespace, client: Namespace, seconds: float) -> Shot:
    options = ["-B", str(_RING_KIB), "-s", str(_SNAP_LENGTH), "-n", "-w", "/dev/null"]
    with tempfile.TemporaryFile() as log:
        child = Child(server.inside(["tcpdump", "-i", INTERFACE, *options, "tcp", "port", "80"]), stderr=log)
        try:
            time.sleep(START)
            load = _load(client, seconds)
            time.sleep(_SETTLE)
            usage = child.stop(signal.SIGINT)
        finally:
            child.close()
        log.seek(0)
        said = log.read().decode()
    captured, dropped = (re.search(rf"(\d+) packets? {what}", said) for what in ("captured", "dropped by kernel"))
    if captured is None or dropped is None:
        raise RuntimeError(f"tcpdump: {said}")
    return Shot(load, usage.cpu, int(captured[1]), int(dropped[1]))


def _sniffer(report: Report, tools: Tools, server: Namespace, client: Namespace, seconds: float, what: str) -> Shot:
    with running(tools, server, "--output-stdout", interface=INTERFACE) as sniffer:
        time.sleep(START)
        load = _load(client, seconds)
        time.sleep(_SETTLE)
        usage = sniffer.stop()
        stats = sniffer.stats()
    _check_ledger(report, what, load, stats, usage.status)
    return Shot(load, usage.cpu, stats["packets"]["received"], stats["capture"]["kernel_dropped"])


def _check_ledger(report: Report, what: str, load: Load, stats: dict[str, Any], status: int) -> None:
    """wrk leaves at most one request open on each connection, which it does not count."""
    messages = stats["messages"]
    complete = stats["sinks"]["stdout"]["delivered"] - messages["incomplete"]
    low, high = 2 * load.requests, 2 * (load.requests + Wrk.CONNECTIONS)
    report.holds(
        f"{what}: complete messages are twice wrk's requests, and those it left open",
        f"{complete:,} of {low:,} to {high:,}",
        reached=low <= complete <= high,
    )
    report.equal(f"{what}: kernel_dropped", stats["capture"]["kernel_dropped"], 0)
    lost = messages["queue_full"] + sum(stats["sinks"]["stdout"]["dropped"].values())
    report.equal(f"{what}: queue_full", lost, 0)
    report.equal(f"{what}: gaps", stats["streams"]["gaps"], 0)
    report.equal(f"{what}: exit code", status, 0)


def _compare(report: Report, alone: list[Load], tcpdump: list[Shot], sniffer: list[Shot]) -> None:
    report.table(
        ("", "requests/s", "CPU s", "us a packet", "packets", "dropped", "wrk's errors"),
        [
            ("no listener", f"{alone[0].rate:,.0f}", "", "", "", "", alone[0].errors),
            *(
                (name, f"{shot.load.rate:,.0f}", f"{shot.cpu:.2f}", f"{shot.cpu_a_packet:.3f}", f"{shot.packets:,}",
                 f"{shot.dropped:,}", shot.load.errors)
                for pair in zip(tcpdump, sniffer, strict=True)
                for name, shot in zip(("tcpdump -w /dev/null", "tcp-sniffer"), pair, strict=True)
            ),
        ],
    )  # fmt: skip
    cpu = _cpu_a_packet(sniffer) / _cpu_a_packet(tcpdump)
    report.at_most("live: CPU a packet / tcpdump's", cpu, 5)
    rates = [statistics.median(shot.load.rate for shot in shots) for shots in (sniffer, tcpdump)]
    report.at_least("live: wrk's rate / that with tcpdump", 100 * rates[0] / rates[1], 90, " %")


def _cpu_a_packet(shots: list[Shot]) -> float:
    return statistics.median(shot.cpu_a_packet for shot in shots)


def _check_records(report: Report, tools: Tools, server: Namespace, client: Namespace, body: str) -> None:
    """What is written is what was counted: each request with its own response, each body exact."""
    with tempfile.TemporaryFile(dir=MEMORY) as file:
        with running(tools, server, "--output-stdout", interface=INTERFACE, stdout=file) as sniffer:
            time.sleep(START)
            load = _load(client, _TO_FILE_SECONDS)
            time.sleep(_SETTLE)
            usage = sniffer.stop()
            stats = sniffer.stats()
        what = f"live, {_TO_FILE_SECONDS} s into a file"
        _check_ledger(report, what, load, stats, usage.status)
        file.seek(0)
        directions: Counter[str] = Counter()
        exchanges_seen: Counter[tuple[str, int]] = Counter()
        for record in map(json.loads, file):
            if record["complete"] and (record["direction"] == "request" or _is_answer(record, body)):
                directions[record["direction"]] += 1
                exchanges_seen[record["connectionId"], record["exchange"]] += 1
    pairs = sum(count == 2 for count in exchanges_seen.values())
    report.holds(
        f"{what}: pairs, exact bodies, for wrk's requests",
        f"{pairs:,} for {load.requests:,}",
        reached=load.requests <= pairs <= load.requests + Wrk.CONNECTIONS,
    )


def _is_answer(record: dict[str, Any], body: str) -> bool:
    """Also asked of what should not be there: an answer without its request, or without a body."""
    path = record.get("request", {}).get("path")
    return bool(record.get("statusCode") == 200 and path == "/data.json" and record.get("body") == body)
