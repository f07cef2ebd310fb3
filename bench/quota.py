"""A control group with a share of one processor."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PERIOD_US = 100_000


@contextlib.contextmanager
def quota(share: float) -> Iterator[Path]:
    """The file that takes the processes' ids, in cgroup version 1 or 2."""
    time_us = int(share * _PERIOD_US)
    version_2 = (_ROOT / "cgroup.controllers").exists()
    folder = (_ROOT if version_2 else _ROOT / "cpu") / f"bench-{os.getpid()}"
    folder.mkdir()
    try:
        if version_2:
            (folder / "cpu.max").write_text(f"{time_us} {_PERIOD_US}")
        else:
            (folder / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
            (folder / "cpu.cfs_quota_us").write_text(str(time_us))
        yield folder / "cgroup.procs"
    finally:
        folder.rmdir()
