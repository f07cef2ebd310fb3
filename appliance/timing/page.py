"""One HTML page that needs no other file, no script and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from appliance.timing import plots
from appliance.timing.store import Store, query

_ROWS = 50  # of each table
_PARTS = 120  # of the time: page_throughput.sql
_EXPLANATION = (
    "CV, the coefficient of variation of a user's think times, is their standard deviation divided by their mean: "
    "below 0.1 clockwork, as of a script; below 0.5 regular; about 1 irregular, as of people; above 1.5 bursty."
)


def write_page(store: Store, counts: Mapping[str, int], names: Sequence[str], file: Path) -> None:
    """Needs the packets' rows in the store."""
    summary = store.summary()
    title = f"Timing of {Path(names[0]).name}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
    body = [f"<h1>{escape(title)}</h1>", f"<p>{escape(_facts(summary, counts))}</p>"]
    if summary["packets"]:
        body += [_timeline(store, summary), f'<div class="plots">{"".join(_plots(store, summary))}</div>']
        body += [_users(store), _paths(store)]
    style = files("appliance.timing").joinpath("page.css").read_text("utf-8")
    file.write_text(
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Nothing is loaded, whatever an address or a path in the capture says.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>\n{style}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n",
        encoding="utf-8",
    )


def _facts(summary: Mapping[str, Any], counts: Mapping[str, int]) -> str:
    if not summary["packets"]:
        return f"No packet of {counts['received']:,} is TCP or UDP on these ports."
    return (
        f"{summary['packets']:,} packets of {counts['received']:,}, {summary['connections']:,} connections, "
        f"{summary['users']:,} users, {summary['turns']:,} turns, {plots.duration(summary['durationS'])} "
        f"from {summary['first']:%Y-%m-%d %H:%M:%S} UTC."
    )


def _timeline(store: Store, summary: Mapping[str, Any]) -> str:
    rows = [
        f'<span title="{row["turns"]:,} turns">{escape(row["user"])}</span>{plots.timeline(row["marks"])}'
        for row in store.rows(query("page_timeline"))
    ]
    ends = f'<div class="ends"><span>0</span><span>{escape(plots.duration(summary["durationS"]))}</span></div>'
    return f'<section><h2>Turns by user</h2><div class="timeline">{"".join(rows)}{ends}</div></section>'


def _plots(store: Store, summary: Mapping[str, Any]) -> list[str]:
    delays = {"Think time": "user_think", "Time to first byte": "first_byte"}
    drawn = []
    series = {}
    for name, column in delays.items():
        counts = {row["bin"]: row["count"] for row in store.rows(query("page_histogram").format(delay=column))}
        if not counts:
            continue
        drawn.append(_section(f"{name}: turns", plots.histogram(name, counts)))
        quantiles = store.rows(query("page_curve").format(delay=column))[0]["quantiles"]
        series[name] = [value / 1e9 for value in quantiles]
    if series:
        drawn.append(_section("Part of the turns below a delay", plots.curves("Cumulative delays", series)))
    drawn.append(
        _section("Throughput", plots.throughput("Throughput", summary["durationS"], _throughput(store, summary)))
    )
    return drawn


def _throughput(store: Store, summary: Mapping[str, Any]) -> dict[str, list[float]]:
    rows = {row["bin"]: row for row in store.rows(query("page_throughput"))}
    part = max(summary["durationS"], 1e-9) / _PARTS
    return {
        f"{side}s": [(rows[at][side] or 0) / part if at in rows else 0.0 for at in range(_PARTS)]
        for side in ("request", "response")
    }


def _users(store: Store) -> str:
    rows = [
        [
            row["user"],
            f"{row['connections']:,}",
            f"{row['turns']:,}",
            *_delays(row["thinkMs"]),
            "-" if row["variation"] is None else f"{row['variation']:.3f}",
            row["regularity"] or "-",
            f"{row['bursts']:,}",
        ]
        for row in store.rows("SELECT * FROM users LIMIT ?", [_ROWS])
    ]
    head = ["User", "connections", "turns", "think median", "p90", "p99", "CV", "regularity", "bursts"]
    return f"<section><h2>Users</h2><p>{escape(_EXPLANATION)}</p>{_table(head, rows)}</section>"


def _paths(store: Store) -> str:
    rows = [
        [
            f"{row['method']} {row['path']}",
            *(f"{row[name]:,}" for name in ("requests", "users", "clientErrors", "serverErrors")),
            *_delays(row["timeToFirstByteMs"]),
        ]
        for row in store.rows("SELECT * FROM paths LIMIT ?", [_ROWS])
    ]
    head = ["Path", "requests", "users", "4xx", "5xx", "first byte median", "p90", "p99"]
    return _section("Paths", _table(head, rows)) if rows else ""


def _delays(delays: Mapping[str, float | None] | None) -> list[str]:
    values = [delays[name] if delays else None for name in ("median", "p90", "p99")]
    return ["-" if value is None else plots.duration(value / 1e3) for value in values]


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row)

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{cells("th", head)}</tr>{body}</table></div>'
