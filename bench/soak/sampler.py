"""What a running sniffer takes and says of itself, every few seconds."""

from __future__ import annotations

import re
import urllib.request
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from bench.process import Child

_LINE = re.compile(r"^(tcp_sniffer_\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_REASON = re.compile(r'reason="(\w+)"')


class Sample(NamedTuple):
    """When, in seconds since the start, and what was measured then."""

    at: float
    values: dict[str, float]


@dataclass
class Life:
    """One sniffer from its start to its end."""

    samples: list[Sample] = field(default_factory=list)
    ended: str = ""
    final: dict[str, Any] = field(default_factory=dict)  # its last ledger; none after SIGKILL

    def rates(self, name: str) -> list[tuple[float, float]]:
        """(when, by how much it grew a second since the sample before)."""
        return [
            (now.at, (now.values[name] - then.values[name]) / (now.at - then.at))
            for then, now in pairwise(self.samples)
        ]

    def values(self, name: str) -> list[tuple[float, float]]:
        return [(sample.at, sample.values[name]) for sample in self.samples]


def sample(child: Child, status: str) -> dict[str, float]:
    """Raises OSError where nobody answers, as shortly after the start."""
    with urllib.request.urlopen(f"http://{status}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    found: dict[str, float] = defaultdict(float, sink_dropped=0)
    for name, labels, value in _LINE.findall(text):
        name = name.removeprefix("tcp_sniffer_").removesuffix("_total")
        if reason := _REASON.fullmatch(labels):
            found[f"{name}_{reason[1]}"] += float(value)
        elif not labels or 'sink="http"' in labels:
            found[name] += float(value)
    return {"resident": child.resident(), "cpu": child.cpu(), **found}
