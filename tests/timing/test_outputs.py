"""The files that --csv and --parquet write hold what --json prints."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
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


@pytest.fixture
def full_volume(tmp_path: Path) -> Iterator[Path]:
    """A file system with 4 KiB left."""
    folder = tmp_path / "volume"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
    (folder / "others").write_bytes(bytes(60 << 10))
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize(
    ("option", "output", "file"),
    [
        ("--csv", "tables", "tables/packets.csv"),
        ("--parquet", "tables", "tables/packets.parquet"),
        ("--html", "page.html", "page.html"),
    ],
)
def test_a_full_disk_is_told_and_nothing_half_written_stays(
    library: Path, tmp_path: Path, full_volume: Path, option: str, output: str, file: str
) -> None:
    assert library.exists()
    capture = tmp_path / "some.pcap"
    capture.write_bytes(pcap(frames(in_order(random_connections(5)))))
    done = command(capture, "--packets", option, full_volume / output)
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert str(full_volume / file) in said
    assert said.endswith("No space left on device")
    assert [path.name for path in full_volume.rglob("*") if path.is_file()] == ["others"]


def test_a_page_that_does_not_fit_leaves_the_one_before(library: Path, tmp_path: Path, full_volume: Path) -> None:
    assert library.exists()
    capture, page = tmp_path / "some.pcap", full_volume / "page.html"
    capture.write_bytes(pcap(frames(in_order(random_connections(5)))))
    page.write_text("the one before")
    assert command(capture, "--html", page).returncode == 1
    assert page.read_text() == "the one before"


@pytest.mark.parametrize("options", [["--json"], []])
def test_a_full_disk_behind_stdout(library: Path, tmp_path: Path, options: list[str]) -> None:
    capture = tmp_path / "some.pcap"
    capture.write_bytes(pcap(frames(in_order(random_connections(5)))))
    with Path("/dev/full").open("wb") as full:
        done = command(capture, *options, stdout=full, TCP_SNIFFER_LIBRARY=str(library), PYTHONUNBUFFERED="")
    assert (done.returncode, done.stderr) == (1, "tcp-sniffer: [Errno 28] No space left on device\n")
