"""What a capture costs: the engine alone, in instructions, which are the same on every run, however busy the machine
is; and the whole process, in memory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packets.files import pcap

from attacks.captures import Attack

_SMALL, _LARGE = 100_000, 500_000  # bytes of captures: the difference leaves the program's own start out


def instructions_a_byte(attack: Attack, program: Path, folder: Path) -> float:
    """`program`: engine_pass. Of each captured byte, the packets' headers counted."""
    (small, less), (large, more) = (_run(attack, program, folder, size) for size in (_SMALL, _LARGE))
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
    capture.write_bytes(pcap(attack.frames(size)))
    configured.write_text(json.dumps({"ports": [8080], **attack.config, **config}))
    sniffer = [sys.executable, "-m", "appliance", "replay", "--config", str(configured), str(capture)]
    done = subprocess.run([sys.executable, "-S", "-c", _PEAK, *sniffer], capture_output=True, text=True, check=True)
    return 1024 * int(done.stdout), json.loads(done.stderr.splitlines()[-1])["stats"]


def _run(attack: Attack, program: Path, folder: Path, size: int) -> tuple[int, int]:
    """(bytes captured, instructions)."""
    frames = attack.frames(size)
    capture = folder / "attack.pcap"
    capture.write_bytes(pcap(frames))
    config = {"ports": [8080], **attack.config, "replay": {"files": [str(capture)]}}
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(program), json.dumps(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    counted = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or counted is None:
        raise RuntimeError(f"{attack.name}: {done.stderr}")
    return sum(len(frame.data) for frame in frames), int(counted[1])
