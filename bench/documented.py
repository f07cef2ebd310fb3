"""How cost grows by docs/performance.md, beside how it was measured to."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.report import Report
from bench.tools import ROOT

_CPU = re.compile(r"([\d.]+) for each 1,000 messages/s \+ ([\d.]+) for each MB/s")
_MEMORY = re.compile(r"Memory\*\* = ([\d.]+) MiB \+ connections .{1,50}\(([\d.]+) KiB \+ `maxBodySize`\)")
# Times more or less. Processors differ in speed; memory depends on little.
_CPU_TOLERANCE, _MEMORY_TOLERANCE = 2.0, 1.25


def said() -> tuple[list[float], list[float]]:
    """CPU in processors, by messages/s and MB/s. Memory in bytes: by itself, by connections, by their bodies' bytes."""
    text = " ".join((ROOT / "docs" / "performance.md").read_text().split())
    cpu, memory = _CPU.search(text), _MEMORY.search(text)
    if cpu is None or memory is None:
        raise RuntimeError("docs/performance.md does not say how cost grows")
    return [float(cpu[1]) / 1e6, float(cpu[2]) / 1e3], [float(memory[1]) * (1 << 20), float(memory[2]) * (1 << 10), 1.0]


def compare(report: Report, cpu: Sequence[float], memory: Sequence[float]) -> None:
    said_cpu, said_memory = said()
    _compare(report, "CPU by messages/s and by MB/s", cpu, said_cpu, _CPU_TOLERANCE)
    _compare(report, "memory by itself, by connections and by their bodies", memory, said_memory, _MEMORY_TOLERANCE)


def _compare(report: Report, what: str, found: Sequence[float], expected: Sequence[float], tolerance: float) -> None:
    ratios = [one / other for one, other in zip(found, expected, strict=True)]
    report.holds(
        f"growth: {what}, each within {tolerance:g} times of what docs/performance.md says",
        ", ".join(f"{ratio:.2f}" for ratio in ratios),
        reached=all(1 / tolerance <= ratio <= tolerance for ratio in ratios),
    )
