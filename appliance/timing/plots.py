"""Plots as SVG text: drawn for the width of a phone, coloured by the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 360, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 10, 8, 30
_PLOT_WIDTH, _PLOT_HEIGHT = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
BINS_PER_DECADE = 10

Point = tuple[float, float]


def histogram(title: str, counts: Mapping[int, int]) -> str:
    """`counts`: by tenth of a decade of seconds; the axis is logarithmic."""
    low, high = _decades([bin_ / BINS_PER_DECADE for bin_ in counts] + [(max(counts) + 1) / BINS_PER_DECADE])
    top = max(counts.values())
    step = _PLOT_WIDTH / ((high - low) * BINS_PER_DECADE)
    bars = []
    for bin_, count in counts.items():
        height = _PLOT_HEIGHT * count / top
        x, y = _LEFT + (bin_ - low * BINS_PER_DECADE) * step, _TOP + _PLOT_HEIGHT - height
        bars.append(f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" width="{max(step - 1, 1):.1f}" height="{height:.1f}"/>')
    return _plot(title, [*_decade_axis(low, high), *_count_axis(top, "{:,.0f}"), *bars])


def curves(title: str, series: Mapping[str, Sequence[float]]) -> str:
    """Cumulative curves: of each name the percentiles 0 to 100 in seconds, on a logarithmic axis."""
    logs = {name: [math.log10(max(value, 1e-6)) for value in values] for name, values in series.items()}
    low, high = _decades([value for values in logs.values() for value in values])
    parts = [*_decade_axis(low, high), *_count_axis(100, "{:.0f} %")]
    for number, (name, values) in enumerate(logs.items()):
        points = [
            (_LEFT + (value - low) / (high - low) * _PLOT_WIDTH, _TOP + _PLOT_HEIGHT * (1 - part / (len(values) - 1)))
            for part, value in enumerate(values)
        ]
        parts += [_line(points, number), _legend(name, number)]
    return _plot(title, parts)


def throughput(title: str, seconds: float, series: Mapping[str, Sequence[float]]) -> str:
    """Of each name the bytes per second in equal parts of the time."""
    top = max((value for values in series.values() for value in values), default=0) or 1
    parts = [*_time_axis(seconds), *_count_axis(top, "", _bytes)]
    for number, (name, values) in enumerate(series.items()):
        points = [
            (_LEFT + (at + 0.5) / len(values) * _PLOT_WIDTH, _TOP + _PLOT_HEIGHT * (1 - value / top))
            for at, value in enumerate(values)
        ]
        parts += [_line(points, number), _legend(name, number)]
    return _plot(title, parts)


def timeline(marks: Iterable[tuple[int, int]]) -> str:
    """A row of the timeline: from and to in thousandths; as wide as it is given room."""
    path = "".join(f"M{begin} 0H{max(end, begin + 1)}V10H{begin}z" for begin, end in marks)
    return f'<svg class="row" viewBox="0 0 1000 10" preserveAspectRatio="none"><path class="bar" d="{path}"/></svg>'


def duration(seconds: float) -> str:
    """With the unit that suits, as 250 ms."""
    for factor, unit in ((1e-6, "µs"), (1e-3, "ms"), (1, "s")):
        if seconds < factor * 999.5:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds:,.0f} s"


def _plot(title: str, parts: Iterable[str]) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )


def _decades(logs: Iterable[float]) -> tuple[int, int]:
    values = list(logs)
    low, high = math.floor(min(values)), math.ceil(max(values))
    return low, max(high, low + 1)


def _decade_axis(low: int, high: int) -> list[str]:
    every = math.ceil((high - low) / 7)
    places = [(_LEFT + (at - low) / (high - low) * _PLOT_WIDTH, 10.0**at) for at in range(low, high + 1, every)]
    return [part for x, seconds in places for part in _tick(x, duration(seconds))]


def _time_axis(seconds: float) -> list[str]:
    places = [(_LEFT + part / 4 * _PLOT_WIDTH, seconds * part / 4) for part in range(5)]
    return [part for x, at in places for part in _tick(x, duration(at) if at else "0")]


def _tick(x: float, label: str) -> list[str]:
    bottom = _TOP + _PLOT_HEIGHT
    anchor = "end" if x > WIDTH - 24 else "middle"
    return [
        f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom}"/>',
        f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="{anchor}">{escape(label)}</text>',
    ]


def _count_axis(top: float, form: str, say: object = None) -> list[str]:
    parts = []
    for part in range(3):
        y = _TOP + _PLOT_HEIGHT * (1 - part / 2)
        value = top * part / 2
        label = say(value) if callable(say) else form.format(value)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 4}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>')
    return parts


def _line(points: Sequence[Point], number: int) -> str:
    return f'<polyline class="line s{number}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def _legend(name: str, number: int) -> str:
    return f'<text class="legend s{number}" x="{_LEFT + 6}" y="{_TOP + 14 + 15 * number}">{escape(name)}</text>'


def _bytes(value: float) -> str:
    for factor, unit in ((1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s")):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.0f} B/s" if value else "0"
