"""What must hold of a soak."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from bench.report import Report
from bench.soak.collector import Collector
from bench.soak.sampler import Life

_MIB = 1 << 20
_ABOVE_MAX_MEMORY = 56  # MiB


def judge(report: Report, lives: Sequence[Life], collector: Collector, max_memory: int) -> None:
    whole = [life for life in lives if life.final]
    made = sum(_made(life) for life in lives)
    twice = collector.keys.total() - len(collector.keys)
    report.table(
        ("sniffers", "killed", "records made", "came", "POSTs that came twice, same key", "kernel_dropped"),
        [
            (f"{len(lives)}", f"{len(lives) - len(whole)}", f"{made:,}", f"{collector.records:,}", f"{twice:,}",
             f"{sum(life.final['capture']['kernel_dropped'] for life in whole):,}")
        ],
    )  # fmt: skip
    report.equal("soak: exit codes other than 0", sum(life.final["status"] != 0 for life in whole), 0)
    report.equal("soak: ledgers that do not balance", sum(_difference(life.final) != 0 for life in whole), 0)
    report.equal("soak: records left on disk that the next start did not find", sum(_forgotten(lives)), 0)
    report.equal("soak: records made, a second before a kill, that did not come", max(0, made - collector.records), 0)
    dropped = sum(sum(_sink(life.final)["dropped"].values()) for life in whole)
    report.equal("soak: records given up", dropped, 0)
    highest = max(value for life in lives for _, value in life.values("resident"))
    report.at_most(
        "soak: highest resident memory above maxMemory", (highest - max_memory) / _MIB, _ABOVE_MAX_MEMORY, " MiB"
    )


def _sink(ledger: dict[str, Any]) -> dict[str, Any]:
    return dict(ledger["sinks"]["http"])


def _made(life: Life) -> int:
    """Of one that was killed what its last sample counted."""
    return int(_sink(life.final)["produced"] if life.final else life.samples[-1].values["sink_produced"])


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
