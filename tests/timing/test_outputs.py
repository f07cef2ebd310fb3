"""The files that --csv and --parquet write hold what --json prints."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
from packets import pcap
from packets.files import frames
from plan import in_order, random_connections
from running import Timing, command


def test_tables_as_files(timing: Timing, tmp_path: Path) -> None:
    capture, texts, columns = tmp_path / "some.pcap", tmp_path / "csv", tmp_path / "parquet"
    capture.write_bytes(pcap(frames(in_order(random_connections(5)))))
    done = command(capture, "--packets", "--csv", texts, "--parquet", columns)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    expected = timing(capture, "--packets")
    for table in ("packets", "turns", "connections", "users", "paths"):
        rows = expected[table]
        assert rows
        names = [name for name, value in rows[0].items() if not isinstance(value, dict)]
        with (texts / f"{table}.csv").open(newline="") as file:
            found = list(csv.DictReader(file))
        assert len(found) == len(rows)
        text = [name for name in names if isinstance(rows[0][name], str)]
        assert [[row[name] for name in text] for row in found] == [[row[name] or "" for name in text] for row in rows]
        plain = [name for name in names if name not in text]
        stored = duckdb.sql(f"FROM read_parquet('{columns / table}.parquet')").project(
            ", ".join(f'"{name}"' for name in plain)
        )
        assert stored.fetchall() == [tuple(row[name] for name in plain) for row in rows]


def test_anonymized_addresses_are_nowhere(timing: Timing, tmp_path: Path) -> None:
    capture = tmp_path / "some.pcap"
    connections = random_connections(5)
    capture.write_bytes(pcap(frames(in_order(connections))))
    plain, hidden = timing(capture), timing(capture, "--anonymize")
    real = {connection.client.ip for connection in connections}
    assert {user["user"] for user in plain["users"]} == real
    assert len(hidden["users"]) == len(real)
    assert not real & {user["user"] for user in hidden["users"]}
    delays = [name for name in plain["turns"][0] if name.endswith("Ms")]
    assert [[turn[name] for name in delays] for turn in hidden["turns"]] == [
        [turn[name] for name in delays] for turn in plain["turns"]
    ]
