"""The report of a soak: one HTML page that needs no other file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bench import drawing  # noqa: F401 - sets how figures are drawn
from bench.report import Report
from bench.soak.collector import MOODS
from bench.soak.course import Phase
from bench.soak.sampler import Life

_MIB = 1 << 20
_STYLE = """body { font: 15px sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse } td, th { text-align: left; padding: .2em 1em .2em 0; border-bottom: 1px solid #ddd }
.MISSED { color: #b00; font-weight: bold } svg { width: 100%; height: auto }"""
_COLOURS = dict(zip(MOODS, ("none", "#e66", "#e96", "#ec6", "#c6e", "#66e", "#6ce", "#aaa"), strict=True))
# Of each panel: its title, its unit, and its lines: a column, whether its growth a second is meant, and what it is
# divided by.
_PANELS: tuple[tuple[str, str, tuple[tuple[str, str, bool, float], ...]], ...] = (
    ("resident memory and what the engine uses of maxMemory", "MiB",
     (("resident", "resident", False, _MIB), ("used", "memory_used_bytes", False, _MIB))),
    ("CPU", "share of a processor", (("CPU", "cpu", True, 1),)),
    ("records", "records a second",
     (("made", "sink_produced", True, 1), ("delivered", "sink_delivered", True, 1),
      ("given up", "sink_dropped", True, 1))),
    ("records that wait", "records",
     (("on disk", "sink_spooled", False, 1), ("in memory", "sink_queued", False, 1))),
)  # fmt: skip


def write(
    file: Path, title: str, phases: Sequence[tuple[float, Phase]], lives: Sequence[Life], report: Report
) -> None:  # fmt: skip
    rows = "".join(
        f'<tr><td>{escape(what)}<td>{escape(value)}<td>{escape(goal)}<td class="{verdict}">{verdict}'
        for what, value, goal, verdict in report.goals
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{escape(title)}</h1>\n"
        f"<table><tr><th>goal<th>measured<th>to reach<th>{rows}</table>\n"
        "<p>Colours: how the collector fares. Lines: the sniffer was stopped (dashed) or killed (solid).</p>\n"
        f"{_plots(phases, lives)}</html>\n",
        encoding="utf-8",
    )


def _plots(phases: Sequence[tuple[float, Phase]], lives: Sequence[Life]) -> str:
    figure = Figure(figsize=(12, 11), layout="constrained")
    for axes, (title, unit, lines) in zip(figure.subplots(len(_PANELS), sharex=True), _PANELS, strict=True):
        axes.set_title(title, loc="left")
        axes.set_ylabel(unit)
        moods = _moods(axes, phases)
        for colour, (label, column, grows, divisor) in enumerate(lines):
            for life in lives:
                points = life.rates(column) if grows else life.values(column)
                axes.plot(
                    [at for at, _ in points], [value / divisor for _, value in points], color=f"C{colour}", linewidth=1,
                    label=label if life is lives[0] else None,
                )  # fmt: skip
        _ends(axes, lives)
        axes.set_ylim(0, None)
        if len(lines) > 1:  # on the title's line: within the axes there is always a life that it would hide
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(lines), frameon=False, borderaxespad=0)
    axes.set_xlabel("seconds")
    if moods:
        figure.legend(moods.values(), moods, loc="outside upper left", ncols=len(moods), title="the collector")
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue().partition("<svg")[1] + text.getvalue().partition("<svg")[2]


def _moods(axes: Axes, phases: Sequence[tuple[float, Phase]]) -> dict[str, Patch]:
    """One patch of each mood, for the legend."""
    return {
        phase.mood: axes.axvspan(begin, begin + phase.seconds, color=_COLOURS[phase.mood], alpha=0.25, linewidth=0)
        for begin, phase in phases
        if phase.mood != "well"
    }


def _ends(axes: Axes, lives: Sequence[Life]) -> None:
    for life in (life for life in lives[:-1] if life.samples):
        style = "-" if life.ended == "SIGKILL" else "--"
        axes.axvline(life.samples[-1].at, color="black", linewidth=0.7, linestyle=style)
