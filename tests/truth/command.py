"""A capture through the command `replay`: what comes out of its sink, and what that counts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sniffing import assert_sinks_balanced


def check_command(folder: Path, capture: bytes, expected: bytes) -> list[str]:
    """What is wrong where the engine gave these bytes."""
    file = folder / "command.pcap"
    file.write_bytes(capture)
    command = [sys.executable, "-m", "appliance", "replay", str(file), "--ports", "8080", "--output-connections"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    if done.returncode or done.stdout != expected:
        return [f"the command ended with {done.returncode} and other bytes than the engine's: {done.stderr[-1000:]!r}"]
    (final,) = [line["stats"] for line in map(json.loads, done.stderr.splitlines()) if line.get("final")]
    try:
        assert_sinks_balanced(final)
        assert final["sinks"]["stdout"]["delivered"] == expected.count(b"\n")
    except AssertionError as error:
        return [f"the command's ledger does not balance: {error}: {final}"]
    return []
