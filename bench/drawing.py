"""Figures as SVG, for a page and for the docs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

# The same picture of the same figures; and text that can be searched.
mpl.rcParams.update({"svg.hashsalt": "tcp-sniffer", "svg.fonttype": "none", "font.size": 8})


class Point(NamedTuple):
    x: float
    measured: float
    fitted: float


class Panel(NamedTuple):
    """Points by the name of their line."""

    x: str
    y: str
    lines: dict[str, Sequence[Point]]


def fitted(picture: Path, panels: Sequence[Panel]) -> None:
    """What was measured as dots, what was fitted as lines."""
    figure = Figure(figsize=(3 * len(panels), 3), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for name, points in panel.lines.items():
            found = sorted(points)
            (dots,) = axes.plot([p.x for p in found], [p.measured for p in found], "o", markersize=3)
            axes.plot([p.x for p in found], [p.fitted for p in found], linewidth=1, color=dots.get_color(), label=name)
        axes.set(xlabel=panel.x, ylabel=panel.y, ylim=(0, None))
        if len(panel.lines) > 1:
            axes.legend()
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, metadata={"Date": None})
