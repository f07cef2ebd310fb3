"""What a capture costs the engine alone, in instructions: the same on every run, however busy the machine is."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from packets.files import pcap

from attacks.captures import Attack

_SMALL, _LARGE = 100_000, 500_000  # bytes of captures: the difference leaves the program's own start out


def instructions_a_byte(attack: Attack, program: Path, folder: Path) -> float:
    """`program`: engine_pass. Of each captured byte, the packets' headers counted."""
    (small, less), (large, more) = (_run(attack, program, folder, size) for size in (_SMALL, _LARGE))
    return (more - less) / (large - small)


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
