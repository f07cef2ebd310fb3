"""How soon the capture is open where the container may use a tenth of a processor."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bench.quota import quota
from bench.report import Report
from bench.sniffer import Sniffer
from bench.tools import Tools

_SHARE = 0.1


def run(report: Report, tools: Tools, *, rounds: int) -> None:
    report.heading(f"Start under a quota of {_SHARE:g} CPU")
    with quota(_SHARE) as processes:
        # The shell joins the group and becomes the sniffer, whose every instruction so counts.
        join = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(processes)]
        command = [*join, *tools.sniffer, "run", "--interface", "lo", "--ports", "80", "--output-stdout"]
        times = [_time_to_open(command) for _ in range(rounds)]
    report.table(("", "s"), [(f"run {number + 1}", f"{taken:.2f}") for number, taken in enumerate(times)])
    report.at_most("startup: capture open, median", statistics.median(times), 2, " s")


def _time_to_open(command: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        sniffer = Sniffer(command, Path(folder), stdout=subprocess.DEVNULL, environment={})
        try:
            while not sniffer.is_open():
                time.sleep(0.005)
            return time.monotonic() - began
        finally:
            sniffer.close()
            time.sleep(0.2)  # the group forgets the run before
