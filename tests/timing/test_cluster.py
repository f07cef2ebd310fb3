"""A Dask scheduler and two workers, as processes of their own: the numbers are those of one process."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
from packets import pcap
from packets.files import frames
from plan import in_order, random_connections
from running import Timing, command
from test_plan import check_all

PATIENCE_S = 300


@pytest.fixture(scope="module")
def cluster(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The scheduler's address."""
    assert library.exists()
    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    quiet = ["--no-dashboard", "--scheduler-file", str(file)]
    with ExitStack() as stack:

        def start(*arguments: str) -> None:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments, *quiet], cwd=folder, stderr=subprocess.DEVNULL
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)

        start("scheduler", "--host", "127.0.0.1", "--port", "0")
        address = _address(file)
        for _ in range(2):
            start("worker", "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", "--local-directory", str(folder))
        _wait_for_workers(address, 2)
        yield address


def _address(file: Path) -> str:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if file.exists() and (text := file.read_text()):
            address: str = json.loads(text)["address"]
            return address
        time.sleep(0.1)
    raise TimeoutError("the scheduler does not start")


def _wait_for_workers(address: str, count: int) -> None:
    from distributed import Client

    with Client(address, timeout=PATIENCE_S) as client:
        client.wait_for_workers(count, timeout=PATIENCE_S)


@pytest.mark.parametrize("seed", [1, 2])
def test_equal_numbers(timing: Timing, cluster: str, tmp_path: Path, seed: int) -> None:
    """Cut at random packets, also within requests and responses; every connection crosses somewhere."""
    connections = random_connections(seed, users=6, connections=2, exchanges=20)
    captured = frames(in_order(connections))
    rng = random.Random(seed)
    cuts = [0, *sorted(rng.sample(range(1, len(captured)), 6)), len(captured)]
    for number, (begin, end) in enumerate(pairwise(cuts)):
        (tmp_path / f"pod.{number:04}.pcap").write_bytes(pcap(captured[begin:end]))
    alone, together = timing(tmp_path), timing(tmp_path, "--cluster", cluster)
    assert together == alone
    check_all(together, connections)


def test_real_captures_cut_in_pieces(timing: Timing, cluster: str, corpus: Path, tmp_path: Path) -> None:
    """Retransmissions, gaps and interim responses, with file ends among them."""
    for name in ("zeek-100-continue", "arkime-wireshark-retrans", "beats-gap_in_stream"):
        folder = tmp_path / name
        folder.mkdir()
        subprocess.run(
            ["editcap", "-F", "nsecpcap", "-c", "9", corpus / f"{name}.pcap", folder / "part.pcap"],
            check=True,
            timeout=60,
        )
        files = sorted(folder.iterdir())
        assert len(files) > 1
        alone, together = timing(*files), timing(*files, "--cluster", cluster)
        assert together == alone
        assert alone["turns"]


def test_no_scheduler(library: Path, tmp_path: Path) -> None:
    assert library.exists()
    capture = tmp_path / "one.pcap"
    capture.write_bytes(pcap(frames(in_order(random_connections(1, users=1, connections=1)))))
    done = command(capture, "--cluster", "tcp://127.0.0.1:1", DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="2s")
    assert done.returncode == 1
    assert "no Dask scheduler answers" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_its_extra(library: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['distributed'] = None; from appliance.cli import main; sys.exit(main())"
    asked = [sys.executable, "-c", code, "timing", str(tmp_path), "--cluster", "tcp://127.0.0.1:1"]
    environment = {**os.environ, "TCP_SNIFFER_LIBRARY": str(library)}
    (tmp_path / "one.pcap").write_bytes(pcap(frames(in_order(random_connections(1, users=1, connections=1)))))
    done = subprocess.run(asked, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("tcp-sniffer: distributed is missing: install the extra `cluster`")
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_a_worker_cannot_read(cluster: str, tmp_path: Path) -> None:
    whole = pcap(frames(in_order(random_connections(1, users=1, connections=1))))
    (tmp_path / "cut.pcap").write_bytes(whole[:-7])
    done = command(tmp_path / "cut.pcap", "--cluster", cluster)
    assert done.returncode == 1
    assert "a worker says: " in done.stderr
    assert "cut.pcap" in done.stderr
    assert "Traceback" not in done.stderr
