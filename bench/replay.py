"""A capture file from end to end: what it costs beside a bare pass, tshark and tcpflow, and whether all comes out."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import generate
from bench.generate import Shape
from bench.process import Usage, measure
from bench.report import Report
from bench.tools import CACHE, MEMORY, Tools

_TOP_FUNCTIONS = 12


def run(report: Report, tools: Tools, *, rounds: int, in_flight: int, peers: bool) -> None:
    shape = Shape(in_flight=in_flight)
    capture = generate.capture(CACHE, shape)
    report.heading(
        f"Replay of {capture.stat().st_size / 1e6:.0f} MB: {shape.connections:,} connections, {in_flight} at a time, "
        f"{shape.messages:,} messages"
    )
    _check_records(report, tools, capture, shape)
    _compare(report, tools, capture, rounds, peers=peers)
    _instructions(report, tools, capture)


def _check_records(report: Report, tools: Tools, capture: Path, shape: Shape) -> None:
    """Every message comes out, complete, with its own body and its own request."""
    bodies = {each.path: each.body.decode() for each in generate.exchanges()}
    requests: Counter[str] = Counter()
    responses: Counter[str] = Counter()
    with tempfile.TemporaryFile(dir=MEMORY) as file:
        measure(tools.replay(capture), stdout=file)
        file.seek(0)
        for line in file:
            record = json.loads(line)
            if _is_whole(record, bodies):
                kind = requests if record["direction"] == "request" else responses
                kind[f"{record['connectionId']} {record['exchange']}"] += 1
    exchanges = shape.messages // 2
    report.equal("replay: requests, complete", requests.total(), exchanges)
    report.equal("replay: responses, complete, paired, exact bodies", responses.total(), exchanges)
    report.equal("replay: exchanges", len(requests.keys() & responses.keys()), exchanges)


def _is_whole(record: dict[str, Any], bodies: dict[str, str]) -> bool:
    if not record["complete"] or "bodyTruncated" in record:
        return False
    if record["direction"] == "request":
        return record["path"] in bodies
    return bool(record["body"] == bodies.get(record["request"]["path"]))


def _compare(report: Report, tools: Tools, capture: Path, rounds: int, *, peers: bool) -> None:
    """In turns, so that a noisy neighbour meets all of them."""
    runs: dict[str, list[Usage]] = {"bare pass": [], "tcp-sniffer": [], "engine alone": []}
    for _ in range(rounds):
        runs["bare pass"].append(measure(tools.bare_pass(capture)))
        runs["tcp-sniffer"].append(measure(tools.replay(capture)))
        runs["engine alone"].append(measure(tools.engine_pass(capture)))
    if peers:
        runs["tcpflow -e http"] = [_tcpflow(capture)]
        runs["tshark -T ek"] = [measure(["tshark", "-r", str(capture), "-T", "ek"])]
    size = capture.stat().st_size
    report.table(
        ("", "user s", "system s", "wall s", "MB/s", "CPU / bare pass"),
        [
            (
                name,
                *(f"{value:.2f}" for value in (_median(usages, lambda u: u.user), _median(usages, lambda u: u.system))),
                f"{_median(usages, _wall):.2f}",
                f"{size / 1e6 / _median(usages, _wall):,.1f}",
                f"{_median(usages, _cpu) / _median(runs['bare pass'], _cpu):.2f}",
            )
            for name, usages in runs.items()
        ],
    )
    ours = _median(runs["tcp-sniffer"], _wall)
    cpu = _median(runs["tcp-sniffer"], _cpu) / _median(runs["bare pass"], _cpu)
    report.at_most("replay: CPU / bare pass's", cpu, 4)
    if peers:
        report.at_least("replay: speed / tcpflow's", _median(runs["tcpflow -e http"], _wall) / ours, 8)
        report.at_least("replay: speed / tshark's", _median(runs["tshark -T ek"], _wall) / ours, 100)


def _wall(usage: Usage) -> float:
    return usage.wall


def _cpu(usage: Usage) -> float:
    return usage.cpu


def _median(usages: list[Usage], figure: Callable[[Usage], float]) -> float:
    return statistics.median(map(figure, usages))


def _tcpflow(capture: Path) -> Usage:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        return measure(["tcpflow", "-r", str(capture), "-e", "http", "-o", folder])


def _instructions(report: Report, tools: Tools, capture: Path) -> None:
    """The engine alone, by callgrind, half a minute: the interpreter's own instructions are not the capture's."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "callgrind"
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", *tools.engine_pass(capture)]
        measure(valgrind)
        listing = subprocess.run(
            ["callgrind_annotate", "--threshold=100", "--auto=no", str(output)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    total, functions = _parse(listing)
    size = capture.stat().st_size
    report.note(f"Instructions of the engine alone on the same {size / 1e6:.0f} MB, by callgrind:")
    report.table(
        ("function", "per byte", "share"),
        [
            (name, f"{count / size:.3f}", f"{count / total:.1%}")
            for name, count in [("all", total), *functions[:_TOP_FUNCTIONS]]
        ],
    )
    report.at_most("replay: instructions per byte of capture", total / size, 6)


def _parse(listing: str) -> tuple[int, list[tuple[str, int]]]:
    """The program's total, and each function's own instructions, most first."""
    total = 0
    functions: Counter[str] = Counter()
    for count, text in re.findall(r"^\s*([\d,]+) \([\d. ]+%\)\s+(.*)$", listing, re.MULTILINE):
        number = int(count.replace(",", ""))
        if text.startswith("PROGRAM TOTALS"):
            total = number
        else:
            functions[_short(text)] += number
    return total, functions.most_common()


def _short(text: str) -> str:
    """`file:function [object]` as the function alone, without arguments."""
    name = text.rsplit(" [", 1)[0].split(":", 1)[-1]
    name = name.replace("(anonymous namespace)::", "").replace("operator()", "operator")
    return name.split("(", 1)[0].removeprefix("sniffer::")[-60:]
