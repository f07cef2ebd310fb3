"""Faults around the sniffer. In each the target answers every request, the sniffer ends or goes on as documented, and
its ledger says what was missed. The table is docs/faults.md."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from control_group import control_group
from network import SERVER, Namespace, Network
from processes import NGINX_PORT, Listen, Sniffer, stop, wait_until
from steady import Steady, asking
from test_live import url

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.timeout(180)]

SMALL = url(SERVER[0], NGINX_PORT, "/small.json")
BIG = url(SERVER[0], NGINX_PORT, "/big.bin")
BIG_SIZE = 256 * 40_000
# As a sidecar has them, where the test is about limits.
USUAL: dict[str, int] = {}
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


def number(record: dict[str, Any]) -> int:
    return int(record["path"].partition("?")[2])


def told(records: list[dict[str, Any]]) -> set[int]:
    """Which requests came out whole, with the response that is theirs."""
    found = {(r["connectionId"], r["exchange"]): r for r in records if r["direction"] == "request"}
    whole = set()
    for answer in (r for r in records if r["direction"] == "response" and r["complete"]):
        asked = found.get((answer["connectionId"], answer["exchange"]))
        if "request" in answer:
            assert asked is None or asked["path"] == answer["request"]["path"], "a response under another's request"
        if asked and asked["complete"] and "request" in answer:
            whole.add(number(asked))
    return whole


def lost(sniffer: Sniffer) -> int:
    """Packets and records, by its ledger."""
    stats = sniffer.stats
    dropped = stats["capture"]["kernel_dropped"] + stats["messages"]["queue_full"]
    return int(dropped + sum(stats["sinks"]["stdout"]["dropped"].values()))


def assert_undisturbed(steady: Steady) -> None:
    assert steady.failed == {}
    assert len(steady.answered) > 5


def assert_all_told(sniffer: Sniffer, steady: Steady) -> None:
    assert_undisturbed(steady)
    assert told(sniffer.messages) == set(steady.answered)
    assert sniffer.stats["capture"]["kernel_dropped"] == 0


class Joined(Namespace):
    """Entered without a /sys of its own, in which no cgroups would be."""

    def inside(self, *command: str) -> tuple[str, ...]:
        return ("nsenter", f"--net=/run/netns/{self.name}", *command)


@contextlib.contextmanager
def extra_wire(network: Network, name: str) -> Iterator[str]:
    """One more between client and server; gives its target."""
    network.client.run("ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", network.server.name)
    for side, address in ((network.server, "10.79.0.1"), (network.client, "10.79.0.2")):
        side.run("ip", "address", "add", f"{address}/24", "dev", name)
        side.run("ip", "link", "set", name, "up")
    try:
        yield url("10.79.0.1", NGINX_PORT, "/small.json")
    finally:
        network.client.run("ip", "link", "delete", name)


def test_an_interface_that_goes_down_and_comes_up(network: Network, listen: Listen) -> None:
    with extra_wire(network, "shaky") as target:
        sniffer = listen("--interface", "shaky")
        with asking(network.client, target) as steady:
            for state in ("down", "up"):
                time.sleep(1)
                network.server.run("ip", "link", "set", "shaky", state)
            time.sleep(2)
        assert stop(sniffer.process) == 0
    assert_all_told(sniffer, steady)


@pytest.mark.parametrize("on_fatal", ["exit", "idle"])
def test_an_interface_that_is_deleted(network: Network, listen: Listen, on_fatal: str) -> None:
    """Only a new process may open another: it has given up its rights. What it had is delivered first."""
    with asking(network.client, SMALL) as steady:
        with extra_wire(network, "gone") as target:
            sniffer = listen("--interface", "gone", "--on-fatal", on_fatal)
            with asking(network.client, target) as seen:
                time.sleep(1)
        assert sniffer.process.wait(20) == 3
    assert_undisturbed(steady)
    assert_all_told(sniffer, seen)
    assert "gone" in sniffer.events("failed")[0]["message"]


def test_any_with_interfaces_that_come_and_go(network: Network, listen: Listen) -> None:
    sniffer = listen("--interface", "any")
    more: list[int] = []
    with asking(network.client, SMALL) as steady:
        for _ in range(3):
            with extra_wire(network, "passing") as target, asking(network.client, target) as passing:
                time.sleep(0.5)
            assert_undisturbed(passing)
            more += passing.answered
    assert stop(sniffer.process) == 0
    assert_undisturbed(steady)
    assert sorted(number(r) for r in sniffer.messages if r["direction"] == "request") == sorted(steady.answered + more)
    assert sniffer.stats["capture"]["kernel_dropped"] == 0


def test_a_clock_that_is_set_forward_and_back(network: Network, listen: Listen, tmp_path: Path) -> None:
    """The process's clock jumps; packets keep the kernel's stamps. Nothing waits for a clock that went back."""
    offset = tmp_path / "offset"
    offset.write_text("+0\n")
    environment = (f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={offset}", "FAKETIME_NO_CACHE=1")
    prefix = ("env", *environment, "FAKETIME_DONT_FAKE_MONOTONIC=1")
    sniffer = listen("--interface", "wire", "--stats-interval-ms", "1000", prefix=prefix)
    sniffer.until_event("start")
    with asking(network.client, SMALL) as steady:
        for jump in ("+1h", "-2h", "+0"):
            before = len(sniffer.events("stats"))
            offset.write_text(f"{jump}\n")
            # Each second, whatever the clock shows.
            wait_until(lambda least=before + 2: len(sniffer.events("stats")) >= least, sniffer.process, "stats", 30)
    assert stop(sniffer.process) == 0
    assert_all_told(sniffer, steady)
    hours = {line["timestamp"][:13] for line in sniffer.log}
    assert len(hours) >= 3, "the clock did jump"


def test_a_stop_for_a_while(network: Network, listen: Listen) -> None:
    """SIGSTOP: the kernel's ring holds what comes meanwhile."""
    sniffer = listen("--interface", "wire")
    with asking(network.client, SMALL) as steady:
        time.sleep(0.5)
        sniffer.process.send_signal(signal.SIGSTOP)
        time.sleep(10)
        sniffer.process.send_signal(signal.SIGCONT)
        time.sleep(0.5)
    assert stop(sniffer.process) == 0
    assert_all_told(sniffer, steady)


def assert_honest(records: list[dict[str, Any]]) -> None:
    """Of BIG: whole with every byte counted, or marked, with why."""
    for record in records:
        if record["direction"] == "response" and record["complete"]:
            assert record["bodySize"] == BIG_SIZE
        else:
            assert record["complete"] or record["incompleteReason"]


def test_a_stop_that_the_ring_cannot_hold(network: Network, listen: Listen) -> None:
    sniffer = listen("--interface", "wire", limits={"--capture-buffer-size": 1 << 19, "--max-body-size": 1 << 26})
    with asking(network.client, SMALL) as small, asking(network.client, BIG, 0) as big:
        time.sleep(0.5)
        sniffer.process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        sniffer.process.send_signal(signal.SIGCONT)
        time.sleep(0.5)
    assert stop(sniffer.process) == 0
    for steady in (small, big):
        assert_undisturbed(steady)
    assert sniffer.stats["capture"]["kernel_dropped"] > 0
    assert len([record for record in sniffer.messages if record["direction"] == "request"]) < len(
        small.answered + big.answered
    )
    assert_honest([record for record in sniffer.messages if "/big.bin" in path(record)])


def path(record: dict[str, Any]) -> str:
    """The request's; nothing where that was not seen."""
    return str(record.get("path") or record.get("request", {}).get("path", ""))


def test_the_kernel_drops_half_of_the_packets(network: Network, listen: Listen) -> None:
    """A ring that is too small for a reader that sleeps five sixths of the time."""
    sniffer = listen("--interface", "wire", limits={"--capture-buffer-size": 1 << 19, "--max-body-size": 1 << 26})
    with asking(network.client, BIG, 0) as steady:
        for _ in range(20):
            sniffer.process.send_signal(signal.SIGSTOP)
            time.sleep(0.25)
            sniffer.process.send_signal(signal.SIGCONT)
            time.sleep(0.05)
    assert stop(sniffer.process, patience=60) == 0
    assert_undisturbed(steady)
    records = sniffer.messages
    assert told(records) < set(steady.answered)
    assert sniffer.stats["capture"]["kernel_dropped"] >= sniffer.stats["packets"]["received"]
    assert sniffer.stats["streams"]["gaps"] > 0
    assert any(not record["complete"] for record in records)
    assert_honest(records)


def test_a_fiftieth_of_a_processor(network: Network, listen: Listen) -> None:
    """It falls behind, and catches up when it may."""
    sniffer = listen("--interface", "wire", limits=USUAL)
    with control_group("cpu") as group:
        group.limit_cpus(0.02)
        group.take(sniffer.process.pid)
        with asking(network.client, BIG, 0) as steady:
            time.sleep(4)
        group.limit_cpus(1)
        with asking(network.client, SMALL) as after:
            time.sleep(2)
        assert stop(sniffer.process, patience=60) == 0
    for asked in (steady, after):
        assert_undisturbed(asked)
        assert asked.slowest < 5
    big, small = ([r for r in sniffer.messages if name in path(r)] for name in ("/big.bin", "/small.json"))
    assert told(big) < set(steady.answered)
    assert lost(sniffer) > 0
    assert max(after.answered) in told(small), "it caught up"


def test_start_and_end_on_a_fiftieth_of_a_processor(network: Network, listen: Listen) -> None:
    """It takes its time, and loses nothing that the ring can hold."""
    with control_group("cpu") as group:
        group.limit_cpus(0.02)
        place = Joined(network.server.name)
        sniffer = listen("--interface", "wire", place=place, prefix=group.prefix, limits=USUAL, patience=90)
        with asking(network.client, SMALL, 0.5) as steady:
            time.sleep(5)
        assert stop(sniffer.process, patience=90) == 0
    assert_all_told(sniffer, steady)


def test_a_memory_limit_of_64_mib(network: Network, listen: Listen) -> None:
    with control_group("memory") as group:
        group.limit_memory(64 << 20)
        place = Joined(network.server.name)
        sniffer = listen("--interface", "wire", place=place, prefix=group.prefix, limits={"--max-body-size": 1 << 26})
        with asking(network.client, BIG, 0.2) as steady:
            time.sleep(5)
        assert stop(sniffer.process) == 0
        assert group.kills == 0
    assert_undisturbed(steady)
    assert sniffer.stats["gauges"]["memoryLimit"] < 10 << 20, "of what the container may have"
    whole = [r for r in sniffer.messages if r["direction"] == "response" and r["complete"]]
    assert whole
    for record in whole:
        assert (record["bodySize"], record["bodyTruncated"]) == (BIG_SIZE, True)
    missed = set(steady.answered) - {number(r) for r in sniffer.messages if r["direction"] == "request"}
    assert not missed or lost(sniffer) > 0


def test_a_second_sniffer_beside_the_first(network: Network, listen: Listen) -> None:
    first, second = listen("--interface", "wire"), listen("--interface", "any")
    with asking(network.client, SMALL) as steady:
        time.sleep(2)
    for sniffer in (first, second):
        assert stop(sniffer.process) == 0
        assert_all_told(sniffer, steady)


class Starting:
    """A sniffer that has just been started, and how far it is."""

    PHASES = ("nothing", "Python", "the engine's library", "the capture", "the event loop", "the log", "a record")

    def __init__(self, place: Namespace, library: Path, folder: Path) -> None:
        folder.mkdir()
        self._folder, self.out, self.log = folder, folder / "out", folder / "log"
        command = place.inside(sys.executable, "-m", "appliance", "run", "--output-stdout", "--ports", "8080")
        environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(folder), "TCP_SNIFFER_LIBRARY": str(library)}
        with self.out.open("wb") as to, self.log.open("wb") as errors:
            self.process = subprocess.Popen(command, stdout=to, stderr=errors, env=environment)
        self._proc = Path("/proc", str(self.process.pid))

    def phase(self) -> str:
        """The last of them that is there."""
        loaded = (self._proc / "maps").read_text()
        reached = (
            str(Path(sys.executable).resolve()) in loaded,
            "libsniffer.so" in loaded,
            (self._folder / "capture-open").exists(),
            "uvloop" in loaded,
            '"event": "start"' in self.log.read_text(),
            self.out.stat().st_size > 0,
        )
        return self.PHASES[next((n for n, there in enumerate(reached) if not there), len(reached))]

    def freeze_in(self, phase: str) -> bool:
        """False where it was beyond that already when it stood still."""
        wait_until(lambda: self.PHASES.index(self.phase()) >= self.PHASES.index(phase), self.process, phase)
        self.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: "\nState:\tT" in (self._proc / "status").read_text(), self.process, "to stand still")
        return self.phase() == phase

    def stop(self) -> int:
        """Asked while it stands still, if it does."""
        self.process.send_signal(signal.SIGTERM)
        return stop(self.process, signal.SIGCONT)


@pytest.mark.parametrize("phase", Starting.PHASES[1:])
def test_sigterm_in_each_phase_of_the_start(network: Network, library: Path, tmp_path: Path, phase: str) -> None:
    """Either Python was not there yet to hear it, or the sniffer ends as it always does."""
    with asking(network.client, SMALL) as steady:
        for attempt in range(20):
            starting = Starting(network.server, library, tmp_path / str(attempt))
            hit = starting.freeze_in(phase)
            code = starting.stop()
            assert all(json.loads(line) for line in starting.out.read_text().splitlines()), "whole lines alone"
            assert "Traceback" not in starting.log.read_text()
            assert code == 0 or (code == -signal.SIGTERM and phase == "Python")
            assert code != 0 or '"final": true' in starting.log.read_text()
            if hit:
                break
        else:
            pytest.fail("it was never caught there")
    assert steady.failed == {}
    assert steady.answered
