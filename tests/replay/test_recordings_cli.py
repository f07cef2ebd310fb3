"""`tcp-sniffer recordings` used the wrong way: a sentence on what is wrong, an exit code, no file half written."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from packets import Conversation, pcap, pcapng
from packets.files import frames
from packets.links import RAW

CONFIGURATION, OTHER = 2, 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recording of two files, with its index."""
    folder = tmp_path / "captures"
    folder.mkdir()
    lines = []
    for sequence in (1, 2):
        file = folder / f"web-0.{sequence:04}.pcap"
        file.write_bytes(pcap(frames(Conversation().open().close().segments)))
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        lines.append({"sequence": sequence, "name": file.name, "firstTime": "-", "lastTime": "-", "sha256": digest})
    (folder / "index.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


class Recordings:
    """The command, in a process of its own."""

    def __init__(self, library: Path) -> None:
        self._environment = {**os.environ, "TCP_SNIFFER_LIBRARY": str(library)}

    def __call__(self, *arguments: str | Path, largest_file: int | None = None) -> subprocess.CompletedProcess[str]:
        def limit() -> None:
            if largest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

        command = [sys.executable, "-m", "appliance", "recordings", *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, env=self._environment, preexec_fn=limit
        )
        assert "Traceback" not in done.stderr
        return done


@pytest.fixture
def recordings(library: Path) -> Recordings:
    return Recordings(library)


@pytest.mark.parametrize("command", ["list", "verify"])
def test_a_folder_that_is_none(recordings: Recordings, folder: Path, tmp_path: Path, command: str) -> None:
    (empty := tmp_path / "empty").mkdir()
    for named, why in (
        (tmp_path / "absent", "No such file"),
        (folder / "web-0.0001.pcap", "not a folder"),
        (empty, "there is no recording in"),
    ):
        done = recordings(command, named)
        assert done.returncode == CONFIGURATION
        assert str(named) in done.stderr
        assert why in done.stderr


@pytest.mark.parametrize("command", ["list", "verify"])
@pytest.mark.parametrize("line", ["{}", "hello", '{"name": "web-0.0001.pcap"}', "[1]", '{"name": 5}'])
def test_an_index_that_is_none(recordings: Recordings, folder: Path, command: str, line: str) -> None:
    (folder / "index.jsonl").write_text(f"{line}\n")
    done = recordings(command, folder)
    assert done.returncode == CONFIGURATION
    assert "index.jsonl:1" in done.stderr


def test_verify_names_what_changed_and_what_is_missing(recordings: Recordings, folder: Path) -> None:
    assert recordings("verify", folder).returncode == 0
    first, second = (folder / f"web-0.000{sequence}.pcap" for sequence in (1, 2))
    second.write_bytes(second.read_bytes()[:-1] + b"?")
    second.rename(folder / "web-0.0003.pcap")
    second.write_bytes(b"")
    first.rename(folder / "web-0.0007.pcap")
    done = recordings("verify", folder)
    assert done.returncode == OTHER
    changed, unknown, gap, _ = done.stdout.splitlines()
    assert changed.startswith("web-0.0002.pcap: its SHA-256 is ")
    assert unknown.startswith("web-0.0003.pcap: not in index.jsonl")
    assert gap == "web-0.0007.pcap: the files 4 to 6 before it are missing"


def test_verify_misses_the_newest_and_not_the_oldest(recordings: Recordings, folder: Path) -> None:
    first, second = (folder / f"web-0.000{sequence}.pcap" for sequence in (1, 2))
    kept = first.read_bytes()
    first.unlink()
    assert recordings("verify", folder).returncode == 0
    first.write_bytes(kept)
    second.unlink()
    done = recordings("verify", folder)
    assert (done.returncode, done.stdout) == (OTHER, "web-0.0002.pcap: it is in index.jsonl, and missing\n")


@pytest.mark.parametrize("command", ["merge", "export"])
def test_files_that_are_none(recordings: Recordings, tmp_path: Path, command: str) -> None:
    text = tmp_path / "notes.pcap"
    text.write_text("no packets")
    empty = tmp_path / "empty"
    empty.mkdir()
    for named, why in ((tmp_path / "absent", "No such file"), (text, "no capture file"), (empty, "no recording in")):
        done = recordings(command, named, "-o", tmp_path / "out.pcap")
        assert done.returncode in (OTHER, CONFIGURATION)
        assert str(named) in done.stderr
        assert why in done.stderr
        assert not (tmp_path / "out.pcap").exists()


def test_no_file_is_written_over(recordings: Recordings, folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.pcap"
    kept.write_text("evidence")
    done = recordings("merge", folder, "-o", kept)
    assert done.returncode == OTHER
    assert f"{kept}: File exists" in done.stderr
    assert kept.read_text() == "evidence"


@pytest.mark.parametrize("command", ["merge", "export"])
def test_no_room(recordings: Recordings, folder: Path, tmp_path: Path, command: str) -> None:
    out = tmp_path / "out.pcap"
    done = recordings(command, folder, "-o", out, largest_file=100)
    assert done.returncode == OTHER
    assert str(out) in done.stderr
    assert not out.exists()


def test_link_types_that_differ(recordings: Recordings, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "raw.pcapng"
    other.write_bytes(pcapng(frames(Conversation().open().close().segments, link=RAW), link=RAW))
    done = recordings("merge", folder, other, "-o", tmp_path / "out.pcap")
    assert done.returncode == OTHER
    assert f"{other}: its link type differs" in done.stderr


def test_a_key_and_ports_that_are_none(recordings: Recordings, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    done = recordings("export", "--anonymize", folder, "-o", out)
    assert (done.returncode, "RECORDING_ANONYMIZE_KEY" in done.stderr) == (CONFIGURATION, True)
    for ports in ("80-", "99999"):
        done = recordings("export", "--ports", ports, folder, "-o", out)
        assert (done.returncode, "port" in done.stderr) == (CONFIGURATION, True)
    assert not out.exists()
