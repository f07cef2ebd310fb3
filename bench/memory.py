"""What the sniffer keeps resident: idle, with many idle connections, and with the worst traffic there is."""

from __future__ import annotations

import subprocess
import time

from bench.connections import held
from bench.network import Namespace, namespace
from bench.process import Child
from bench.report import Report
from bench.sniffer import running
from bench.tools import Tools

_MIB = 1 << 20
_CONNECTIONS = 10_000
_WARM = 200
_MAX_MEMORY = 64 * _MIB
_SETTLE = 3.0
_COLLECTOR = "http://127.0.0.1:81/"


def run(report: Report, tools: Tools) -> None:
    report.heading("Resident memory, the 8 MiB kernel ring included")
    with namespace("memory") as where:
        stdout = _idle(tools, where, "--output-stdout")
        full = _idle(tools, where, "--output-stdout", "--output-url", _COLLECTOR, "--status-listen", "127.0.0.1:8082")
        before, after = _keep_alive(tools, where)
        peak = _endless(tools, where)
    each = (after - before) / _CONNECTIONS
    report.table(
        ("", "MiB"),
        [
            ("idle, stdout alone", f"{stdout / _MIB:.1f}"),
            ("idle, with URL and status", f"{full / _MIB:.1f}"),
            (f"after {_WARM} connections", f"{before / _MIB:.1f}"),
            (f"with {_CONNECTIONS:,} more, kept alive", f"{after / _MIB:.1f}"),
            (f"peak, {_CONNECTIONS:,} endless bodies, dead collector, maxMemory {_MAX_MEMORY / _MIB:g}",
             f"{peak / _MIB:.1f}"),
        ],
    )  # fmt: skip
    report.at_most("memory: idle, stdout alone", stdout / _MIB, 48, " MiB")
    report.at_most("memory: idle, with URL and status", full / _MIB, 56, " MiB")
    report.at_most("memory: each idle keep-alive connection", each, 1024, " B")
    report.at_most("memory: endless bodies, above maxMemory", (peak - _MAX_MEMORY) / _MIB, 56, " MiB")


def _settled(child: Child) -> int:
    time.sleep(_SETTLE)
    return child.resident()


def _idle(tools: Tools, where: Namespace, *options: str) -> int:
    """After one exchange, so that what is loaded late is loaded."""
    with running(tools, where, *options, interface="lo") as sniffer, held(where, "idle", 1):
        if "--status-listen" in options:
            _scrape(where)
        return _settled(sniffer.child)


def _scrape(where: Namespace) -> None:
    """As a monitor does, once the server is there."""
    again = ["--retry", "30", "--retry-connrefused", "--retry-delay", "1"]
    command = where.inside(["curl", "-sS", "-o", "/dev/null", *again, "http://127.0.0.1:8082/metrics"])
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def _keep_alive(tools: Tools, where: Namespace) -> tuple[int, int]:
    """(with few, with many)."""
    with running(tools, where, "--output-stdout", interface="lo") as sniffer:
        with held(where, "idle", _WARM):
            before = _settled(sniffer.child)
        with held(where, "idle", _CONNECTIONS):
            return before, _settled(sniffer.child)


def _endless(tools: Tools, where: Namespace) -> int:
    """The most it ever had, the connections' end included, when all their bodies come out."""
    options = ("--max-memory", str(_MAX_MEMORY), "--max-body-size", str(1 << 30), "--output-url", _COLLECTOR)
    with running(tools, where, "--output-stdout", *options, interface="lo") as sniffer:
        with held(where, "endless", _CONNECTIONS):
            pass
        time.sleep(_SETTLE)
        return sniffer.child.resident("VmHWM")
