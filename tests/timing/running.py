"""Runs the command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Timing = Callable[..., dict[str, Any]]  # what the fixture `timing` gives


def command(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`tcp-sniffer timing` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "appliance", "timing", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, **environment},
    )
