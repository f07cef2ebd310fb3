"""The timing of captures: how fast the engine reads them, and the command with its tables."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from bench import generate
from bench.generate import Shape
from bench.process import measure
from bench.report import Report
from bench.tools import CACHE, Tools


def run(report: Report, tools: Tools, *, rounds: int) -> None:
    capture = generate.capture(CACHE, Shape())
    report.heading(f"Timing of {capture.stat().st_size / 1e6:.0f} MB")
    packets = _extract(capture, packets=False)  # and what it imports is there
    rates = {
        "the engine's pass: connections and turns": [_rate(capture, packets=False) for _ in range(rounds)],
        "the engine's pass, a row for each packet too": [_rate(capture, packets=True) for _ in range(rounds)],
    }
    commands = {
        "tcp-sniffer timing FILE": [],
        "tcp-sniffer timing --json FILE": ["--json"],
        "tcp-sniffer timing --packets --json FILE": ["--packets", "--json"],
    }
    for name, options in commands.items():
        command = [*tools.sniffer, "timing", str(capture), "--ports", "80", *options]
        rates[name] = [packets / measure(command).cpu for _ in range(rounds)]
    report.table(
        ("", "packets per second of CPU"), [(name, f"{statistics.median(of):,.0f}") for name, of in rates.items()]
    )
    # A command's includes Python's start, half a second.
    for name in list(rates)[:2]:
        report.at_least(f"timing: {name}, packets/s", statistics.median(rates[name]), 1e6)


def _extract(capture: Path, *, packets: bool) -> int:
    """Reads the file to Arrow tables; how many packets it holds."""
    from appliance.timing.library import Extractor

    with Extractor([str(capture)], ports=[80], capture_filter=None, packets=packets) as extractor:
        for _ in extractor.rows():
            pass
        return extractor.counts()["received"]


def _rate(capture: Path, *, packets: bool) -> float:
    """Packets per second of this process' CPU."""
    before = time.process_time()
    received = _extract(capture, packets=packets)
    return received / (time.process_time() - before)
