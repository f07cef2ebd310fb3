"""Runs the command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

Timing = Callable[..., dict[str, Any]]  # what the fixture `timing` gives


def command(
    *arguments: str | Path, stdout: IO[bytes] | int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`tcp-sniffer timing` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "appliance", "timing", *map(str, arguments)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, **environment},
    )
