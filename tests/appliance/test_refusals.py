"""`tcp-sniffer run` that cannot begin: what it says, and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(tmp_path: Path, *options: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "appliance", "run", *options],
        env={**os.environ, "TMPDIR": str(tmp_path), **(env or {})},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


CA_FILE = ["--output-url", "https://collector.example", "--output-ca-file", "/no.pem"]


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--interface", "lo"], 2, "ports"),
        (["--interface", "lo", "--ports", "80", "--max-body-size", "lots"], 2, "maxBodySize"),
        (["--interface", "lo", "--ports", "80", "--capture-filter", "nonsense here"], 2, "nonsense here"),
        # The configuration's mistakes come before those of the capture.
        (["--interface", "nowhere0", "--ports", "80", "--sample-rate", "7"], 2, "sampleRate"),
        (["--interface", "lo", "--ports", "80", *CA_FILE], 2, "/no.pem"),
        (["--interface", "nowhere0", "--ports", "80"], 3, "lo"),
    ],
)
def test_exit_codes(tmp_path: Path, options: list[str], code: int, told: str) -> None:
    done = run(tmp_path, *options)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_every_mistake_at_once(tmp_path: Path) -> None:
    done = run(tmp_path, "--interface", "lo", "--sample-rate", "7", "--max-body-size", "-1")
    assert done.returncode == 2
    assert all(field in done.stderr for field in ("ports", "sampleRate", "maxBodySize"))


@pytest.mark.parametrize("interface", ["lo", "nowhere0"])
def test_filters_and_tls_files_are_told_with_the_rest(tmp_path: Path, interface: str) -> None:
    options = ["--capture-filter", "bogus (", "--sample-rate", "7", *CA_FILE]
    done = run(tmp_path, "--interface", interface, "--ports", "80", *options)
    assert done.returncode == 2
    told = [json.loads(line)["message"] for line in done.stderr.splitlines()]
    assert [line.partition(": expected ")[0] for line in told] == [
        "option --sample-rate: sampleRate",
        "option --capture-filter: captureFilter",
        "option --output-ca-file: outputCaFile",
    ]


def test_a_filter_that_is_none_for_this_link(tmp_path: Path) -> None:
    """It compiles for Ethernet; only the engine that opens the capture knows better."""
    done = run(tmp_path, "--interface", "any", "--ports", "80", "--capture-filter", "ether broadcast")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["message"].startswith("option --capture-filter: captureFilter: expected a filter that ")


def test_a_mistake_leaves_recordings_alone(tmp_path: Path) -> None:
    """A restart numbers what the last one left and deletes the oldest; one that cannot begin does neither."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    kept = {name: os.urandom(100) for name in ("capture.0001.pcap", "capture.0002.pcap", "capture.pcap")}
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    options = [
        "--recording",
        f"--recording-directory={folder}",
        "--recording-max-files",
        "1",
        "--output-url",
        "ftp://x",
    ]
    assert run(tmp_path, "--interface", "lo", "--ports", "80", *options).returncode == 2
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == kept


@pytest.mark.parametrize(
    "text", ["exclude: 5", "redactHeaders: [[1]]", "ports: {}", "maxMemory: lots", "- a list", "a: b: c"]
)
def test_documents_of_the_wrong_shape(tmp_path: Path, text: str) -> None:
    """Also those that the engine's own text cannot be made of: a mistake like any other, never a traceback."""
    config = tmp_path / "sniffer.yaml"
    config.write_text(text)
    done = run(tmp_path, "--interface", "lo", "--config", str(config))
    assert done.returncode == 2, done.stderr
    assert str(config) in done.stderr
    assert "Traceback" not in done.stderr


def test_refused(tmp_path: Path) -> None:
    """Without NET_RAW the system refuses; the error says what to add."""
    command = ["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw", sys.executable, "-m", "appliance"]
    done = subprocess.run(
        [*command, "run", "--interface", "lo", "--ports", "80"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "NET_RAW" in done.stderr


@pytest.mark.parametrize("content", [None, b"not a library"])
def test_no_library(tmp_path: Path, content: bytes | None) -> None:
    library = tmp_path / "lib.so"
    if content is not None:
        library.write_bytes(content)
    done = run(tmp_path, "--interface", "lo", "--ports", "80", env={"TCP_SNIFFER_LIBRARY": str(library)})
    assert done.returncode == 5
    assert str(library) in done.stderr
