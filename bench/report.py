"""Tables of figures, and what each figure must reach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass
class Report:
    """Prints as it goes, and keeps the goals to the end."""

    goals: list[tuple[str, str, str, str]] = field(default_factory=list)

    def heading(self, text: str) -> None:
        print(f"\n== {text}", flush=True)

    def note(self, text: str) -> None:
        print(text, flush=True)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """The first column to the left, figures to the right."""
        lines = [list(head), *(list(row) for row in rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        for number, line in enumerate(lines):
            first = line[0].ljust(widths[0])
            print(first, *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)), sep="  ")
            if number == 0:
                print("  ".join("-" * width for width in widths))
        print(flush=True)

    def at_most(self, what: str, value: float, limit: float, unit: str = "") -> None:
        self._goal(what, f"{value:,.2f}{unit}", f"at most {limit:g}{unit}", reached=value <= limit)

    def at_least(self, what: str, value: float, limit: float, unit: str = "") -> None:
        self._goal(what, f"{value:,.2f}{unit}", f"at least {limit:g}{unit}", reached=value >= limit)

    def equal(self, what: str, value: int, expected: int) -> None:
        self._goal(what, f"{value:,}", f"{expected:,}", reached=value == expected)

    def holds(self, what: str, said: str, *, reached: bool) -> None:
        self._goal(what, said, "must hold", reached=reached)

    def _goal(self, what: str, value: str, goal: str, *, reached: bool) -> None:
        self.goals.append((what, value, goal, "reached" if reached else "MISSED"))

    def finish(self) -> bool:
        """The closing table; true when every goal is reached."""
        self.heading("Goals")
        self.table(("goal", "measured", "to reach", ""), self.goals)
        return all(verdict == "reached" for *_, verdict in self.goals)
