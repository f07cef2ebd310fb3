"""The tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from appliance.timing.store import Store

Row = Mapping[str, Any]
_DELAYS = ("median", "mean", "p90", "p99", "stddev")


def write_tables(store: Store, counts: Mapping[str, int], out: TextIO, *, top: int) -> None:
    """What was read, and the first `top` users, paths and connections."""
    summary = store.summary()
    out.write(
        f"{summary['packets']:,} packets of {counts['received']:,}, {summary['connections']:,} connections, "
        f"{summary['users']:,} users, {summary['turns']:,} turns"
        + (f", {summary['durationS']:,.3f} s from {summary['first']:%Y-%m-%d %H:%M:%S} UTC" if summary["first"] else "")
        + "\n"
    )
    left_out = ", ".join(f"{count:,} {name}" for name, count in counts.items() if name not in _READ and count)
    if left_out:
        out.write(f"not used: {left_out}\n")
    _table(out, "Users: think time, ms", _users(store, top), summary["users"])
    _table(out, "Paths: time to first byte, ms", _paths(store, top), _count(store, "paths"))
    _table(out, "Connections: delays, ms", _connections(store, top), summary["connections"])


_READ = ("received", "used")


def _users(store: Store, top: int) -> list[list[str]]:
    rows = store.rows("SELECT * FROM users LIMIT ?", [top])
    head = ["user", "conns", "turns", *_DELAYS, "CV", "regularity", "bursts"]
    return [
        head,
        *(
            [
                row["user"],
                f"{row['connections']:,}",
                f"{row['turns']:,}",
                *_numbers(row["thinkMs"], _DELAYS),
                _number(row["variation"]),
                row["regularity"] or "-",
                f"{row['bursts']:,}",
            ]
            for row in rows
        ),
    ]


def _paths(store: Store, top: int) -> list[list[str]]:
    rows = store.rows("SELECT * FROM paths LIMIT ?", [top])
    columns = ("min", "median", "p90", "p99", "max")
    return [
        ["path", "requests", "users", "4xx", "5xx", *columns],
        *(
            [
                f"{row['method']} {row['path']}",
                *(f"{row[name]:,}" for name in ("requests", "users", "clientErrors", "serverErrors")),
                *_numbers(row["timeToFirstByteMs"], columns),
            ]
            for row in rows
        ),
    ]


def _connections(store: Store, top: int) -> list[list[str]]:
    rows = store.rows("SELECT * FROM connections ORDER BY turns DESC, connection LIMIT ?", [top])
    return [
        ["connection", "packets", "turns", "think", "first byte", "response", "lasts", "flags"],
        *(
            [
                f"{_end(row['user'], row['userPort'])} > {_end(row['server'], row['serverPort'])} {row['transport']}",
                f"{row['requestPackets'] + row['responsePackets']:,}",
                f"{row['turns']:,}",
                *(_numbers(row[name], ("median",))[0] for name in ("thinkMs", "timeToFirstByteMs", "responseMs")),
                _number(row["durationMs"]),
                row["flags"] or "-",
            ]
            for row in rows
        ),
    ]


def _end(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _count(store: Store, table: str) -> int:
    count: int = store.rows(f"SELECT count(*) AS rows FROM {table}")[0]["rows"]
    return count


def _numbers(delays: Mapping[str, float | None] | None, names: Sequence[str]) -> list[str]:
    return [_number(delays[name] if delays else None) for name in names]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.3f}"


def _table(out: TextIO, title: str, rows: Sequence[Sequence[str]], total: int) -> None:
    if len(rows) < 2:
        return
    more = f" (the first {len(rows) - 1} of {total:,})" if total > len(rows) - 1 else ""
    out.write(f"\n{title}{more}\n")
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        out.write("  ".join([row[0].ljust(widths[0]), *cells]).rstrip() + "\n")
