"""The rows in DuckDB, and what the queries make of them. The SQL stands in queries/, one job a file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import duckdb

from appliance.timing.library import Rows

# Before the rows come, and after: the views need the tables that the first two make.
_BEFORE = ("raw", "macros")
_AFTER = ("flows", "turns", "connections", "bursts", "users", "paths", "packets")
TABLES = ("packets", "turns", "connections", "users", "paths")


class Store:
    """A database in a temporary file: what does not fit into `memory` (as "1GiB") goes to the disk.

    add() the rows, derive() once, then read. `burst_ms` and `burst_requests`: what a burst is.
    """

    def __init__(self, memory: str, *, burst_ms: float, burst_requests: int, folder: str | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tcp-sniffer-timing-", dir=folder)
        self.database = duckdb.connect(str(Path(self._folder.name) / "timing.duckdb"))
        self.database.execute(f"SET memory_limit = '{_size(memory)}'")
        self.database.execute(f"SET temp_directory = '{self._folder.name.replace(chr(39), 2 * chr(39))}/spilled'")
        self.database.execute("SET TimeZone = 'UTC'")
        self.database.execute("SET VARIABLE burst_pause = CAST(? AS BIGINT)", [int(burst_ms * 1e6)])
        self.database.execute("SET VARIABLE burst_least = CAST(? AS BIGINT)", [burst_requests])
        for name in _BEFORE:
            self.database.execute(query(name))

    def add(self, rows: Rows, part: int = 0) -> None:
        """`part`: connections are numbered anew in each."""
        for table, batch in (
            ("raw_connections", rows.connections),
            ("raw_turns", rows.turns),
            ("raw_packets", rows.packets),
        ):
            if batch.num_rows:
                self.database.register("batch", batch)
                self.database.execute(f"INSERT INTO {table} BY NAME SELECT {part} AS part, * FROM batch")
                self.database.unregister("batch")

    def name_files(self, names: Sequence[str]) -> None:
        """In the order in which they were read."""
        self._insert("files", list(enumerate(names)))

    def name_interfaces(self, names: Sequence[str]) -> None:
        """Extractor.interfaces()."""
        self._insert("interfaces", list(enumerate(names, 1)))

    def _insert(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            self.database.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)

    def rename_addresses(self, rename: Callable[[str], str]) -> None:
        """Every address gets the name that `rename` gives it. Before derive()."""
        found = self.database.execute(
            "SELECT DISTINCT unnest(string_split(addresses, ' ')) FROM raw_connections"
        ).fetchall()
        self._insert("names", [(address, rename(address)) for (address,) in found])

    def derive(self) -> None:
        """From the rows: turns with their delays, connections, users, paths."""
        for name in _AFTER:
            self.database.execute(query(name))

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """The rows of a query that gives few."""
        result = self.database.execute(sql, list(parameters))
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def summary(self) -> dict[str, Any]:
        return self.rows(query("summary"))[0]

    def close(self) -> None:
        self.database.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def query(name: str) -> str:
    return files("appliance.timing").joinpath("queries", f"{name}.sql").read_text("utf-8")


def _size(text: str) -> str:
    """A size for DuckDB's SQL. Raises ValueError where it is none."""
    number, unit = text[: -len(text.lstrip("0123456789."))] or text, text.lstrip("0123456789.").strip()
    if not number or unit not in {"", "B", "KiB", "MiB", "GiB", "TiB", "KB", "MB", "GB", "TB"}:
        raise ValueError(f"{text}: a size is a number with a unit, such as 512MiB or 2GiB")
    return f"{float(number):g}{unit or 'B'}"
