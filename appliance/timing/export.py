"""The tables as JSON, CSV and Parquet. DuckDB writes; here it is said which columns, and how."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from appliance.timing.store import TABLES, Store

_AT_ONCE = 4096


@contextlib.contextmanager
def whole(file: Path) -> Iterator[Path]:
    """Where to write it: it appears once all is written; where that fails what was there stays as it was."""
    if file.exists() and not file.is_file():  # a pipe, a terminal
        yield file
        return
    new = file.with_name(f".{file.name}.new")
    try:
        yield new
        new.replace(file)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error
    finally:
        new.unlink(missing_ok=True)


def write_json(store: Store, about: Mapping[str, Any], out: TextIO, *, packets: bool) -> None:
    """One object: what `about` holds, and an array of each table. Row by row: it may be large."""
    out.write("{")
    out.writelines(f"{json.dumps(name)}: {json.dumps(value)},\n" for name, value in about.items())
    tables = [table for table in TABLES if packets or table != "packets"]
    for number, table in enumerate(tables):
        out.write(f'{"," if number else ""}"{table}": [')
        out.writelines(f"{',' if position else ''}\n{row}" for position, row in enumerate(_json_rows(store, table)))
        out.write("]\n")
    out.write("}\n")


def write_csv(store: Store, folder: Path, *, packets: bool) -> None:
    """A file of each table: NAME.csv."""
    _copy(store, folder, "csv", "(FORMAT csv, HEADER)", packets=packets)


def write_parquet(store: Store, folder: Path, *, packets: bool) -> None:
    """A file of each table: NAME.parquet; times are timestamps in nanoseconds."""
    _copy(store, folder, "parquet", "(FORMAT parquet, COMPRESSION zstd)", packets=packets)


def _copy(store: Store, folder: Path, suffix: str, form: str, *, packets: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        if packets or table != "packets":
            columns = _flat(store, table, iso=suffix == "csv")
            target = str(folder / f"{table}.{suffix}").replace("'", "''")
            store.database.execute(f"COPY (SELECT {columns} FROM {table}) TO '{target}' {form}")


def _json_rows(store: Store, table: str) -> Iterator[str]:
    columns = ", ".join(
        f"iso({_quoted(name)}) AS {_quoted(name)}" if kind.startswith("TIMESTAMP") else _quoted(name)
        for name, kind in _columns(store, table)
    )
    result = store.database.execute(f"SELECT to_json(one) FROM (SELECT {columns} FROM {table}) one")
    while rows := result.fetchmany(_AT_ONCE):
        yield from (row for (row,) in rows)


def _flat(store: Store, table: str, *, iso: bool) -> str:
    """thinkMs {min, max} becomes thinkMsMin, thinkMsMax."""
    columns = []
    for name, kind in _columns(store, table):
        if kind.startswith("STRUCT"):
            columns += [
                f"{_quoted(name)}.{_quoted(field)} AS {_quoted(name + field.capitalize())}" for field in _fields(kind)
            ]
        elif iso and kind.startswith("TIMESTAMP"):
            columns.append(f"iso({_quoted(name)}) AS {_quoted(name)}")
        else:
            columns.append(_quoted(name))
    return ", ".join(columns)


def _columns(store: Store, table: str) -> list[tuple[str, str]]:
    return [(row["column_name"], row["column_type"]) for row in store.rows(f"DESCRIBE {table}")]


def _fields(kind: str) -> list[str]:
    """The names in STRUCT("name" TYPE, ...)."""
    return [part.split()[0].strip('"') for part in kind.removeprefix("STRUCT(").removesuffix(")").split(", ")]


def _quoted(name: str) -> str:
    return f'"{name}"'
