"""What the options choose: packets by a filter, and which requests are a burst."""

from __future__ import annotations

from pathlib import Path

import pytest
from packets import pcap
from packets.conversation import START
from packets.files import frames
from packets.segment import End
from plan import Connection, in_order, random_connections
from running import Timing, command

MS = 1_000_000


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    file = tmp_path / "some.pcap"
    file.write_bytes(pcap(frames(in_order(random_connections(3)))))
    return file


@pytest.mark.parametrize("rule", ["host 10.1.2.7", "tcp[tcpflags] & tcp-syn != 0", "src port 8080"])
def test_a_filter_chooses_packets(timing: Timing, capture: Path, rule: str) -> None:
    every, some = timing(capture, "--packets"), timing(capture, "--packets", "--filter", rule)
    matches = {
        "host 10.1.2.7": lambda packet: "10.1.2.7" in (packet["source"], packet["destination"]),
        "tcp[tcpflags] & tcp-syn != 0": lambda packet: "SYN" in packet["flags"].split(),
        "src port 8080": lambda packet: packet["sourcePort"] == 8080,
    }[rule]
    # A packet keeps its number and its delay since the one before it in the file.
    told = ("number", "time", "source", "destination", "length", "flags", "delayMs")
    expected = [[packet[name] for name in told] for packet in every["packets"] if matches(packet)]
    assert [[packet[name] for name in told] for packet in some["packets"]] == expected
    assert 0 < len(expected) < len(every["packets"])
    assert some["counts"]["filtered"] == len(every["packets"]) - len(expected)


def test_a_user_chosen_by_a_filter_is_as_among_all(timing: Timing, capture: Path) -> None:
    chosen = timing(capture, "--filter", "host 10.1.2.7")
    everybody = timing(capture)
    assert chosen["users"] == [user for user in everybody["users"] if user["user"] == "10.1.2.7"]


def test_a_filter_that_does_not_compile(capture: Path) -> None:
    done = command(capture, "--filter", "hostt 10.1.2.7")
    assert done.returncode == 2
    assert "hostt" in done.stderr
    assert done.stdout == ""


def requests(user: str, pauses: list[int]) -> Connection:
    """On one connection; the pauses, in ms, between the requests' first bytes."""
    connection = Connection(End(user, 50000), START)
    connection.open()
    for pause in [0, *pauses]:
        connection.exchange("/", think=max(pause * MS - 3 * MS, 0), wait=3 * MS, gaps=[])
    connection.close()
    return connection


BURST = [10] * 7  # eight requests
QUIET = [500, 500]


@pytest.mark.parametrize(
    ("options", "bursts", "longest"),
    [
        ((), 2, 8),
        (("--burst-requests=8",), 2, 8),
        (("--burst-requests=9",), 0, 0),
        (("--burst-ms=9",), 0, 0),
        (("--burst-ms=500",), 1, 18),
    ],
)
def test_bursts(timing: Timing, tmp_path: Path, options: tuple[str, ...], bursts: int, longest: int) -> None:
    """Twice eight requests 10 ms apart, and two between them that are 500 ms from all others; another user's too."""
    capture = tmp_path / "bursts.pcap"
    made = [requests("10.1.0.7", [*BURST, 500, *QUIET, *BURST]), requests("10.1.1.7", [500] * 10)]
    capture.write_bytes(pcap(frames(in_order(made))))
    users = {user["user"]: user for user in timing(capture, *options)["users"]}
    assert (users["10.1.0.7"]["bursts"], users["10.1.0.7"]["longestBurst"]) == (bursts, longest)
    assert users["10.1.1.7"]["bursts"] == (1 if options == ("--burst-ms=500",) else 0)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--burst-ms=-5",), "--burst-ms: expected a number from 0 to 86400000, got -5"),
        (("--burst-ms=nan",), "--burst-ms: expected a number from 0 to 86400000, got nan"),
        (("--burst-requests=0",), "--burst-requests: expected a whole number from 1 to 1000000000, got 0"),
        (("--top=many",), "--top: expected a whole number from 1 to 1000000000, got many"),
    ],
)
def test_numbers_that_mean_nothing(capture: Path, options: tuple[str, ...], expected: str) -> None:
    done = command(capture, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr


def test_a_folder_that_is_none(capture: Path, tmp_path: Path) -> None:
    done = command(capture, "--html", tmp_path / "absent" / "page.html")
    assert (done.returncode, done.stderr) == (
        1,
        f"tcp-sniffer: {tmp_path}/absent/page.html: No such file or directory\n",
    )
