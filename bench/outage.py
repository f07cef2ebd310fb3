"""A collector that is dead for minutes while the sniffer is killed again and again: what came in the end?"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.collector import captured, identity
from bench.generate import exchanges
from bench.network import Namespace, namespace, web_server
from bench.paced import Paced
from bench.process import Child
from bench.report import Report
from bench.sniffer import Sniffer, running
from bench.tools import MEMORY, Tools

_REQUESTS_A_SECOND = 500  # twice as many messages
_CONNECTIONS = 50
_PORT = 81
_OLD_ENOUGH = 1.0  # seconds before a kill
_PATIENCE = 600.0  # until all is delivered
_OPTIONS = (
    "--output-stdout",
    f"--output-url=http://127.0.0.1:{_PORT}/",
    "--output-batch-max-messages=100",
    f"--output-spool-max-bytes={4 << 30}",
)


class Came(NamedTuple):
    """What the collector got."""

    posts: Counter[str]  # by key
    keys: dict[str, set[str]]  # of each record


def run(report: Report, tools: Tools, *, seconds: float, kills: int) -> None:
    report.heading(
        f"A collector dead for {seconds:g} s at {2 * _REQUESTS_A_SECOND:,} messages/s, {kills} kills in that time"
    )
    with namespace("outage") as where, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with web_server(where, folder, exchanges()[0].body):
            expected, young = _killed(tools, where, folder, seconds, kills)
            stats, took = _delivered(tools, where, folder)
        came = _came(folder / "posts")
    missing = expected - came.keys.keys()
    twice = sum(count - 1 for count in came.posts.values())
    report.table(
        ("", "records", "younger than 1 s", "POSTs", "sent twice, same key", "seconds to deliver"),
        [("outage", f"{len(expected):,}", f"{young:,}", f"{came.posts.total():,}", f"{twice:,}", f"{took:.0f}")],
    )
    report.equal(f"outage: records that existed {_OLD_ENOUGH:g} s before a kill and did not come", len(missing), 0)
    report.equal("outage: records that came with two keys", sum(len(keys) > 1 for keys in came.keys.values()), 0)
    sink = stats["sinks"]["http"]
    report.equal("outage: dropped, by the last ledger", sum(sink["dropped"].values()), 0)
    report.equal(
        "outage: the last ledger's balance",
        sink["produced"] + sink["recovered"] - sink["delivered"] - sum(sink["dropped"].values()) - sink["spooled"],
        0,
    )


def _killed(tools: Tools, where: Namespace, folder: Path, seconds: float, kills: int) -> tuple[set[str], int]:
    """(the records that must come, how many were younger) of all the sniffers that were killed."""
    expected: set[str] = set()
    young = 0
    with _load(where, seconds):
        for _ in range(kills):
            with tempfile.TemporaryFile(dir=MEMORY) as records:
                began = time.monotonic()
                with _sniffer(tools, where, folder, stdout=records) as sniffer:
                    time.sleep(max(0.0, seconds / kills - (time.monotonic() - began)))
                    killed = time.time()
                    sniffer.child.send(signal.SIGKILL)
                    sniffer.child.wait()
                records.seek(0)
                for record in _whole(records.read()):
                    if captured(record) < killed - _OLD_ENOUGH:
                        expected.add(identity(record))
                    else:
                        young += 1
    return expected, young


@contextlib.contextmanager
def _load(where: Namespace, seconds: float) -> Iterator[None]:
    """Goes on for a while longer than it must, and is ended then."""
    url = "http://127.0.0.1/data.json"
    paced = Paced(where, url, connections=_CONNECTIONS, rate=_REQUESTS_A_SECOND, seconds=2 * seconds + 60)
    try:
        yield
        if paced.ended():
            raise RuntimeError(f"the load ended before its time: {paced.finish()}")
    finally:
        paced.close()


def _sniffer(
    tools: Tools, where: Namespace, folder: Path, **options: Any
) -> contextlib.AbstractContextManager[Sniffer]:
    spool = f"--output-spool-directory={folder / 'spool'}"
    return running(tools, where, *_OPTIONS, spool, interface="lo", **options)


def _whole(lines: bytes) -> Iterator[dict[str, Any]]:
    """A kill may cut the last line."""
    for line in lines[: lines.rfind(b"\n") + 1].splitlines():
        yield json.loads(line)


def _delivered(tools: Tools, where: Namespace, folder: Path) -> tuple[dict[str, Any], float]:
    """(the ledger, seconds) of a last sniffer, whose collector is there."""
    posts = folder / "posts"
    collector = Child(where.inside([sys.executable, "-m", "bench.collector", str(_PORT), str(posts)]))
    try:
        with _sniffer(tools, where, folder) as sniffer:
            began = time.monotonic()
            while not _is_quiet(posts) and time.monotonic() - began < _PATIENCE:
                pass
            took = time.monotonic() - began
            sniffer.stop()
            return sniffer.stats(), took
    finally:
        collector.close()


def _is_quiet(posts: Path, seconds: float = 5) -> bool:
    """Nothing more comes."""
    before = posts.stat().st_size if posts.exists() else 0
    time.sleep(seconds)
    return posts.exists() and posts.stat().st_size == before > 0


def _came(file: Path) -> Came:
    came = Came(Counter(), {})
    for line in file.read_text().splitlines():
        key, *records = line.split()
        came.posts[key] += 1
        for record in records:
            came.keys.setdefault(record, set()).add(key)
    return came
