"""What a capture costs: the engine alone, in instructions, which are the same on every run, however busy the machine
is; and the whole process, in memory."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Any

from packets.files import Frame, pcap

from attacks.captures import SERVER, Attack

SOON, LATE = (100_000, 500_000), (2_000_000, 4_000_000)  # bytes of captures
_GENERATED = 1 << 20  # more of them are the same from other clients: generating each would take longer than reading it
_SERVER_IP = ip_address(SERVER.ip).packed
_SOURCE, _DESTINATION = 26, 30  # where the addresses lie in a frame


def instructions_a_byte(
    attack: Attack,
    program: Path,
    folder: Path,
    sizes: tuple[int, int] = SOON,
    config: Mapping[str, Any] = MappingProxyType({}),
) -> float:
    """`program`: engine_pass. Of each captured byte between two sizes, the packets' headers counted: the difference
    leaves the program's own start out."""
    (small, less), (large, more) = (_run(attack, program, folder, size, config) for size in sizes)
    return (more - less) / (large - small)


# The peak is that of the program's children, and a child begins as a copy of who starts it: hence a small one.
_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_memory(attack: Attack, size: int, config: Mapping[str, Any], folder: Path) -> tuple[int, dict[str, Any]]:
    """The bytes of memory that the whole process had at most, and its counters at the end."""
    capture, configured = folder / "attack.pcap", folder / "config.yaml"
    capture.write_bytes(pcap(list(_repeated(attack.frames(min(size, _GENERATED)), size))))
    configured.write_text(json.dumps({"ports": [8080], **attack.config, **config}))
    sniffer = [sys.executable, "-m", "appliance", "replay", "--config", str(configured), str(capture)]
    done = subprocess.run([sys.executable, "-S", "-c", _PEAK, *sniffer], capture_output=True, text=True, check=True)
    return 1024 * int(done.stdout), json.loads(done.stderr.splitlines()[-1])["stats"]


def _repeated(frames: list[Frame], size: int) -> Iterator[Frame]:
    """The frames again and again, each time from other clients, until they have so many bytes."""
    span = frames[-1].time - frames[0].time + 1
    for turn in range(-(-size // sum(len(frame.data) for frame in frames))):
        for frame in frames:
            yield frame._replace(time=frame.time + turn * span, data=_from_another(frame.data, turn))


def _from_another(frame: bytes, turn: int) -> bytes:
    """What one half of the client's address loses the other one gains, so every checksum stays right (RFC 1071)."""
    at = _SOURCE if frame[_DESTINATION : _DESTINATION + 4] == _SERVER_IP else _DESTINATION
    first, second = struct.unpack_from("!HH", frame, at)
    return frame[:at] + struct.pack("!HH", (first + turn) % 0xFFFF, (second - turn) % 0xFFFF) + frame[at + 4 :]


def _run(attack: Attack, program: Path, folder: Path, size: int, config: Mapping[str, Any]) -> tuple[int, int]:
    """(bytes captured, instructions)."""
    frames = attack.frames(size)
    capture = folder / "attack.pcap"
    capture.write_bytes(pcap(frames))
    document = {"ports": [8080], **attack.config, **config, "replay": {"files": [str(capture)]}}
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(program), json.dumps(document)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    counted = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or counted is None:
        raise RuntimeError(f"{attack.name}: {done.stderr}")
    return sum(len(frame.data) for frame in frames), int(counted[1])
