"""Recording under load: its cost beside `tcpdump -w`, kill -9, and a small volume that never fills."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.generate import exchanges
from bench.live import START, Shot
from bench.network import INTERFACE, Namespace, Wrk, web_server, wire
from bench.process import Child
from bench.report import Report
from bench.sniffer import running
from bench.tools import MEMORY, Tools

_SETTLE = 1.5  # the last packets' way into the file
_OLDEST_MISSING = 1.0  # seconds before a kill
_ONE_FILE = ("--recording-rotate-bytes=25000000000", "--recording-max-total-bytes=100000000000")


def run(report: Report, tools: Tools, *, rounds: int, seconds: float, kills: int, gigabytes: float) -> None:
    report.heading(f"Recording: wrk at full speed for {seconds:g} s, {rounds} rounds in turns, {kills} kills")
    body = exchanges()[0].body
    with wire() as (server, client), tempfile.TemporaryDirectory() as folder, web_server(server, Path(folder), body):
        _cost(report, tools, server, client, rounds, seconds)
        _kills(report, tools, server, client, kills)
        _endless(report, tools, server, client, gigabytes)


@contextlib.contextmanager
def _captures() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


def _recording(folder: Path, *options: str) -> tuple[str, ...]:
    return ("--recording", f"--recording-directory={folder}", *options)


def _cost(
    report: Report, tools: Tools, server: Namespace, client: Namespace, rounds: int, seconds: float
) -> None:  # fmt: skip
    shots: dict[str, list[Shot]] = {"tcpdump -w": [], "tcp-sniffer": [], "no file full": []}
    for _ in range(rounds):
        shots["tcpdump -w"].append(_tcpdump(server, client, seconds))
        shots["tcp-sniffer"].append(_sniffer(tools, server, client, seconds))
        # So nothing is hashed for the index yet, which is a third of all.
        shots["no file full"].append(_sniffer(tools, server, client, seconds, *_ONE_FILE))
    report.table(
        ("", "packets/s", "CPU s", "us a packet", "packets", "dropped"),
        [
            (name, f"{shot.packets / seconds:,.0f}", f"{shot.cpu:.2f}", f"{shot.cpu_a_packet:.3f}", f"{shot.packets:,}",
             f"{shot.dropped:,}")
            for name, of_name in shots.items()
            for shot in of_name
        ],
    )  # fmt: skip
    ours, theirs = (
        statistics.median(shot.cpu_a_packet for shot in shots[name]) for name in ("tcp-sniffer", "tcpdump -w")
    )
    report.at_most("recording: CPU a packet / tcpdump -w's", ours / theirs, 1.2)
    if not sum(shot.dropped for shot in shots["tcpdump -w"]):
        report.equal("recording: dropped", sum(shot.dropped for shot in shots["tcp-sniffer"]), 0)
    report.at_least("recording: packets/s", max(shot.packets for shot in shots["tcp-sniffer"]) / seconds, 100_000)


def _tcpdump(server: Namespace, client: Namespace, seconds: float) -> Shot:
    with _captures() as folder, tempfile.TemporaryFile() as log:
        command = ["tcpdump", "-i", INTERFACE, "-B", "8192", "-s", "262144", "-n", "-w", str(folder / "dump"), "tcp"]
        child = Child(server.inside(command), stderr=log)
        try:
            time.sleep(START)
            with contextlib.closing(Wrk(client, seconds)) as wrk:
                load = wrk.finish()
            time.sleep(_SETTLE)
            usage = child.stop(signal.SIGINT)
        finally:
            child.close()
        log.seek(0)
        captured, dropped = re.findall(r"(\d+) packets? (?:captured|dropped by kernel)", log.read().decode())
    return Shot(load, usage.cpu, int(captured), int(dropped))


def _sniffer(tools: Tools, server: Namespace, client: Namespace, seconds: float, *options: str) -> Shot:
    with _captures() as folder, running(tools, server, *_recording(folder, *options), interface=INTERFACE) as sniffer:
        time.sleep(START)
        # Python's own start is not what is compared: what the process took by now is left out.
        before = sniffer.child.cpu()
        with contextlib.closing(Wrk(client, seconds)) as wrk:
            load = wrk.finish()
        time.sleep(_SETTLE)
        cpu = sniffer.child.cpu() - before
        sniffer.stop()
        stats = sniffer.stats()
    counts = stats["recording"]
    dropped = stats["capture"]["kernel_dropped"] + counts["not_recorded"]
    return Shot(load, cpu, counts["recorded"], dropped)


def _last_packet(file: Path) -> tuple[float, str]:
    """The time of a file's last packet, and what tshark complained of."""
    # What IP packets carry needs no look: that would take minutes.
    command = ["tshark", "-n", "--disable-protocol", "ip", "-r", str(file), "-T", "fields", "-e", "frame.time_epoch"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.split()
    complaint = done.stderr if done.returncode or "cut short" in done.stderr else ""
    return float(lines[-1]) if lines else 0.0, complaint


def _kills(report: Report, tools: Tools, server: Namespace, client: Namespace, kills: int) -> None:
    torn, oldest = 0, 0.0
    for _ in range(kills):
        with _captures() as folder:
            options = _recording(folder, "--recording-rotate-bytes=20000000")
            read_end, write_end = os.pipe()
            with running(tools, server, *options, interface=INTERFACE, stdout=write_end) as sniffer:
                os.close(write_end)
                time.sleep(START)
                with contextlib.closing(Wrk(client, 3)):
                    time.sleep(2)
                    now = time.time()
                    sniffer.child.send(signal.SIGKILL)
                    sniffer.child.wait()
                    os.read(read_end, 1)  # the end: its recording guard is gone, too
            os.close(read_end)
            found = [_last_packet(path) for path in folder.glob("*.pcap")]
            torn += sum(bool(complaint) for _, complaint in found)
            oldest = max(oldest, now - max(last for last, _ in found))
    report.equal(f"recording: files that do not read to their end, of {kills} kills", torn, 0)
    report.at_most("recording: the newest packet's age at a kill", oldest, _OLDEST_MISSING, " s")


def _endless(report: Report, tools: Tools, server: Namespace, client: Namespace, gigabytes: float) -> None:
    """A volume of 1 % of the traffic."""
    size = int(gigabytes * 1e9 / 100)
    with tempfile.TemporaryDirectory() as mount:
        folder = Path(mount)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", mount], check=True)
        try:
            fullest = 0.0
            with running(tools, server, *_recording(folder), interface=INTERFACE) as sniffer:
                time.sleep(START)
                begun = _received(server)
                while _received(server) - begun < gigabytes * 1e9:
                    with contextlib.closing(Wrk(client, 2)) as wrk:
                        wrk.finish()
                    usage = shutil.disk_usage(folder)
                    fullest = max(fullest, 100 * usage.used / usage.total)
                ended = time.time()
                time.sleep(_SETTLE)
                sniffer.stop()
                counts = sniffer.stats()["recording"]
            newest, complaint = _last_packet(next(path for path in folder.glob("*.pcap") if ".0" not in path.name))
        finally:
            subprocess.run(["umount", "-l", mount], check=False)
    what = f"recording, {gigabytes:g} GB on a volume of {size / 1e6:,.0f} MB"
    report.at_most(f"{what}: the fullest it was", fullest, 95, " %")
    report.equal(f"{what}: not_recorded", counts["not_recorded"], 0)
    report.at_most(f"{what}: the newest packet's age", ended - newest, 2, " s")
    report.holds(f"{what}: tshark reads the open file", complaint or "to its end", reached=not complaint)


def _received(server: Namespace) -> int:
    """Bytes that went over the server's end of the wire, both ways."""
    folder = f"/sys/class/net/{INTERFACE}/statistics"
    command = server.inside(["cat", f"{folder}/rx_bytes", f"{folder}/tx_bytes"])
    return sum(map(int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()))
