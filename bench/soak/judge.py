"""What must hold of a soak."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from bench.load import Memory
from bench.report import Report
from bench.soak.background import Background
from bench.soak.sampler import Life

_MIB = 1 << 20
_ABOVE_MAX_MEMORY = 56  # MiB
_WARM = 60.0  # seconds until a sniffer has all memory that its traffic needs
_SLOPE = 1  # MiB an hour
_COMES_AND_GOES = 4  # MiB, with what the collector does: no more than this is seen to grow in less than four hours


def judge(report: Report, lives: Sequence[Life], background: Background, max_memory: int) -> None:
    _deliveries(report, lives, background)
    whole = [life for life in lives if life.final]
    report.equal("soak: exit codes other than 0", sum(life.final["status"] != 0 for life in whole), 0)
    report.equal("soak: ledgers that do not balance", sum(_difference(life.final) != 0 for life in whole), 0)
    report.equal("soak: records left on disk that the next start did not find", sum(_forgotten(lives)), 0)
    dropped = sum(sum(sink["dropped"].values()) for life in whole for sink in life.final["sinks"].values())
    report.equal("soak: records given up", dropped, 0)
    report.equal("soak: packets that the kernel dropped", _count(lives, "capture", "kernel_dropped"), 0)
    report.equal("soak: records for which there was no room (queue_full)", _count(lives, "messages", "queue_full"), 0)
    _memory(report, lives, max_memory)


def _deliveries(report: Report, lives: Sequence[Life], background: Background) -> None:
    account, keys = background.account, background.collector.keys
    report.table(
        ("sniffers", "killed", "records made", "came", "POSTs that came twice, same key"),
        [
            (f"{len(lives)}", f"{sum(not life.final for life in lives)}", f"{account.made:,}", f"{account.came:,}",
             f"{keys.total() - len(keys):,}")
        ],
    )  # fmt: skip
    report.equal("soak: records made, a second before a kill, that did not come", account.missing(), 0)
    report.equal("soak: records that came and were not made, or with two keys", account.unknown(), 0)


def _memory(report: Report, lives: Sequence[Life], max_memory: int) -> None:
    highest = max(value for life in lives for _, value in life.values("resident"))
    report.at_most(
        "soak: highest resident memory above maxMemory", (highest - max_memory) / _MIB, _ABOVE_MAX_MEMORY, " MiB"
    )
    memory = max(map(_warm, lives), key=lambda one: one.at[-1] - one.at[0] if one.at else 0)
    if len(memory.at) < 2:
        report.note("no sniffer lived long enough to tell whether its memory grows\n")
        return
    slope, seconds = memory.slope(), memory.at[-1] - memory.at[0]
    report.holds(
        f"soak: memory's slope in {seconds:,.0f} s: at most {_SLOPE} MiB/h, or {_COMES_AND_GOES} MiB in all",
        f"{slope:,.2f} MiB/h, {slope * seconds / 3600:.2f} MiB",
        reached=slope <= max(_SLOPE, _COMES_AND_GOES / (seconds / 3600)),
    )


def _warm(life: Life) -> Memory:
    """What it took once it was warm, or in the later half of a short life."""
    points = life.values("resident")
    if not points:
        return Memory([], [])
    first, last = points[0][0], points[-1][0]
    warm = [(at, int(value)) for at, value in points if at - first >= min(_WARM, (last - first) / 2)]
    return Memory([at for at, _ in warm], [value for _, value in warm])


def _sink(ledger: dict[str, Any]) -> dict[str, Any]:
    return dict(ledger["sinks"]["http"])


def _count(lives: Sequence[Life], group: str, reason: str) -> int:
    """Of one that was killed as its last sample has it."""
    return sum(
        int(life.final[group][reason] if life.final else life.samples[-1].values[f"{group}_{reason}"])
        for life in lives
        if life.final or life.samples
    )


def _difference(ledger: dict[str, Any]) -> int:
    sink = _sink(ledger)
    went = sink["delivered"] + sum(sink["dropped"].values()) + sink["spooled"] + sink["queued"]
    return int(sink["produced"] + sink["recovered"] - went)


def _forgotten(lives: Sequence[Life]) -> list[int]:
    return [
        abs(int(_sink(before.final)["spooled"] - after.samples[0].values["sink_recovered"]))
        for before, after in pairwise(lives)
        if before.final and after.samples
    ]
