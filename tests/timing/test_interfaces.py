"""Each packet's interface, where a capture file tells it: as tshark names it."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from packets import pcap, pcapng
from packets.files import Frame, frames
from packets.links import COOKED2
from plan import in_order, random_connections
from running import Timing


def captured(seed: int) -> list[Frame]:
    return frames(in_order(random_connections(seed)))


def named(capture: Path) -> list[str]:
    """By packet, as tshark reads them."""
    command = ["tshark", "-n", "-r", str(capture), "-T", "fields", "-e", "frame.interface_name"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()


@pytest.fixture
def merged(tmp_path: Path) -> Path:
    """Packets of two interfaces, which take turns; the first file is of another machine."""
    files = [tmp_path / "first.pcapng", tmp_path / "second.pcapng"]
    files[0].write_bytes(pcapng(captured(1), interface="eth0", byte_order=">", unit="us"))
    files[1].write_bytes(pcapng(captured(2), interface="wlan0 räum"))
    both = tmp_path / "both.pcapng"
    subprocess.run(["mergecap", "-w", both, *files], check=True, timeout=60)
    return both


def compressed(file: Path) -> Path:
    target = file.with_name(file.name + ".gz")
    target.write_bytes(gzip.compress(file.read_bytes()))
    return target


@pytest.mark.parametrize("form", [lambda file: file, compressed], ids=["plain", "gzip"])
def test_each_packet_has_its_interface(timing: Timing, merged: Path, form: Callable[[Path], Path]) -> None:
    expected = named(merged)
    assert set(expected) == {"eth0", "wlan0 räum"}
    assert [packet["interface"] for packet in timing(form(merged), "--packets")["packets"]] == expected


def test_sections_have_interfaces_of_their_own(timing: Timing, tmp_path: Path) -> None:
    first = captured(1)
    later = [frame._replace(time=frame.time + 10**12) for frame in captured(2)]
    capture = tmp_path / "sections.pcapng"
    capture.write_bytes(pcapng(first, interface="eth0") + pcapng(later, interface="eth1"))
    found = [packet["interface"] for packet in timing(capture, "--packets")["packets"]]
    assert found == ["eth0"] * len(first) + ["eth1"] * len(later)


def test_files_that_do_not_tell(timing: Timing, tmp_path: Path) -> None:
    for name, content in {"a.pcap": pcap(captured(1)), "b.pcapng": pcapng(captured(1))}.items():
        (tmp_path / name).write_bytes(content)
        assert {packet["interface"] for packet in timing(tmp_path / name, "--packets")["packets"]} == {None}


def test_the_index_of_linux_cooked_v2(timing: Timing, tmp_path: Path) -> None:
    capture = tmp_path / "any.pcap"
    sent = frames(in_order(random_connections(1)), link=COOKED2)
    capture.write_bytes(pcap(sent, link=COOKED2))
    packets = timing(capture, "--packets")["packets"]
    assert {packet["interface"] for packet in packets} == {str(int.from_bytes(sent[0].data[4:8], "big"))}
