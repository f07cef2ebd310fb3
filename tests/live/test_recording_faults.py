"""The recording beside full, foreign, vanishing and shared folders, and stopped in its work."""

from __future__ import annotations

import errno
import fcntl
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from network import SERVER, Network
from processes import NGINX_PORT
from recording import Get, Record, eventually, recordings, tshark
from steady import asking


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "volume"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("how", ["zstd", "gzip"])
def test_sigterm_while_files_are_compressed(
    record: Record, network: Network, servers: dict[str, bytes], how: str
) -> None:
    """It stands still with full files that are not compressed yet, and is told to end."""
    assert servers
    recorder = record(f"--recording-compress={how}", "--recording-rotate-bytes=2000000")

    def uncompressed() -> list[Path]:
        return [file for file in recorder.files() if ".0" in file.name and file.suffix == ".pcap"]

    with asking(network.client, f"http://{SERVER[0]}:{NGINX_PORT}/big.bin", 0) as steady:
        for _ in range(50):
            eventually(uncompressed, "a full file")
            recorder.process.send_signal(signal.SIGSTOP)
            if waiting := uncompressed():
                break
            recorder.process.send_signal(signal.SIGCONT)
    assert waiting
    recorder.process.send_signal(signal.SIGTERM)
    recorder.process.send_signal(signal.SIGCONT)
    assert recorder.process.wait(60) == 0
    assert not steady.failed
    assert recordings("verify", str(recorder.folder)).returncode == 0
    assert not any(file.name.endswith(".part") for file in recorder.folder.iterdir())
    packets = sum(len(tshark(file)) for file in recorder.files())
    (stats,) = (line["stats"] for line in recorder.log if line.get("final"))
    assert packets == stats["recording"]["recorded"]


def test_a_full_volume_pauses_the_recording_alone(record: Record, get: Get, small_volume: Path) -> None:
    options = (f"--recording-directory={small_volume}", "--recording-max-total-bytes=100000000", "--output-stdout")
    recorder = record(*options)
    get("/big.bin")
    eventually(lambda: recorder.events("recording_paused"), "a pause")
    get("/small.json")
    (cut,) = small_volume.glob("web-0*.pcap")
    assert tshark(cut)
    cut.unlink()
    eventually(lambda: recorder.events("recording_resumed"), "the end of the pause")
    get("/small.json")
    file = small_volume / "web-0.pcap"
    eventually(lambda: tshark(file, only="tcp.flags.fin==1"), "the newest packets in the file")
    assert len(recorder.stop()) == 6
    assert len(recorder.events("recording_paused")) == 1
    assert "full" in recorder.events("recording_paused")[0]["reason"] or "space" in str(recorder.log)
    assert recorder.stats["recording"]["not_recorded"] > 0


def test_a_read_only_volume(record: Record, get: Get, small_volume: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_volume], check=True)
    recorder = record(f"--recording-directory={small_volume}", "--output-stdout")
    get("/small.json")
    (pause,) = eventually(lambda: recorder.events("recording_paused"), "a pause")
    assert "Read-only" in pause["reason"]
    assert "mount it writable" in pause["reason"]
    assert len(recorder.stop()) == 2
    assert recorder.stats["recording"]["recorded"] == 0


def test_a_folder_of_another_user(record: Record, get: Get, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir(mode=0o755)
    shutil.chown(foreign, user=1234)
    # As in the pod: root, but without the capability to pass over the modes of files.
    lost = "-dac_override,-dac_read_search"
    before = ("setpriv", f"--bounding-set={lost}", f"--inh-caps={lost}")
    recorder = record(f"--recording-directory={foreign}", "--output-stdout", before=before)
    get("/small.json")
    (pause,) = eventually(lambda: recorder.events("recording_paused"), "a pause")
    assert "user 1234" in pause["reason"]
    assert len(recorder.stop()) == 2


def test_a_folder_that_vanishes_and_comes_back(record: Record, get: Get) -> None:
    recorder = record()
    get("/small.json")
    shutil.rmtree(recorder.folder)
    eventually(lambda: recorder.events("recording_paused"), "a pause")
    recorder.folder.mkdir()
    eventually(lambda: recorder.events("recording_resumed"), "the end of the pause")
    get("/small.json")
    recorder.until_a_connection_ended()
    recorder.stop()


# Starts what follows where renameat2(2) refuses RENAME_NOREPLACE, as file systems do that do not know it.
NO_NOREPLACE = """
import ctypes, os, sys
class Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
rules = ctypes.c_void_p(seccomp.seccomp_init(0x7FFF0000))
noreplace, refuse = Comparison(4, 4, 1, 0), 0x50000 | int(sys.argv[1])
call = seccomp.seccomp_syscall_resolve_name(b"renameat2")
assert seccomp.seccomp_rule_add_array(rules, refuse, call, 1, ctypes.byref(noreplace)) == 0
assert seccomp.seccomp_load(rules) == 0
os.execvp(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOSYS])
def test_a_file_system_that_cannot_refuse_to_replace(record: Record, get: Get, error: int) -> None:
    before = (sys.executable, "-c", NO_NOREPLACE, str(error))
    for _ in range(2):
        recorder = record("--recording-rotate-bytes=4000000", before=before)
        get("/big.bin")
        recorder.stop()
        assert recorder.events("recording_paused") == []
        assert recorder.stats["recording"]["not_recorded"] == 0
    names = [file.name for file in recorder.files()]
    assert names == [f"web-0.{number:04}.pcap" for number in range(1, len(names))] + ["web-0.pcap"]
    assert len(names) >= 6
    assert recordings("verify", str(recorder.folder)).stdout == ""


def test_starts_without_traffic_push_nothing_out(record: Record, get: Get) -> None:
    recorder = record("--recording-max-files=2")
    get("/small.json")
    recorder.stop()
    for _ in range(4):
        recorder = record("--recording-max-files=2")
        recorder.stop()
    assert [file.name for file in recorder.files()] == ["web-0.0001.pcap", "web-0.pcap"]
    assert [line["sequence"] for line in recorder.index()] == [1]
    assert tshark(recorder.files()[0], only="http")


def test_an_index_that_another_process_keeps_locked(record: Record, get: Get) -> None:
    """As a second sniffer of the folder does that stands still. The end comes in time, and says what is missing."""
    recorder = record("--recording-rotate-bytes=4000000")
    with (recorder.folder / ".index.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        get("/big.bin")
        eventually(lambda: recorder.events("recording_index"), "the error")
        recorder.stop()
    first, *_, last = recorder.events("recording_index")
    assert "another process holds it" in first["error"]
    assert last["lines"] == len(recorder.files()) - 1
    assert not (recorder.folder / "index.jsonl").exists()


def test_two_recorders_of_one_name(record: Record) -> None:
    first = record()
    second = record()
    (pause,) = eventually(lambda: second.events("recording_paused"), "a pause")
    assert "another process records" in pause["reason"]
    second.stop()
    first.kill()
