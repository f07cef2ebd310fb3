"""A cgroup of the test's own, of version 1 or 2: a limit on what a process may take."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PERIOD_US = 100_000


class ControlGroup:
    def __init__(self, controller: str) -> None:
        self._unified = (_ROOT / "cgroup.controllers").exists()
        self._folder = _ROOT / ("" if self._unified else controller) / f"sniffer-test-{os.getpid()}"
        self._folder.mkdir()

    def limit_cpus(self, cpus: float) -> None:
        quota = int(cpus * _PERIOD_US)
        if self._unified:
            (self._folder / "cpu.max").write_text(f"{quota} {_PERIOD_US}")
        else:
            (self._folder / "cpu.cfs_quota_us").write_text(str(quota))

    def limit_memory(self, size: int) -> None:
        (self._folder / ("memory.max" if self._unified else "memory.limit_in_bytes")).write_text(str(size))

    @property
    def kills(self) -> int:
        """Processes that were out of memory."""
        name = "memory.events" if self._unified else "memory.oom_control"
        values = dict(line.split() for line in (self._folder / name).read_text().splitlines())
        return int(values["oom_kill"])

    def take(self, process: int) -> None:
        (self._folder / "cgroup.procs").write_text(str(process))

    @property
    def prefix(self) -> tuple[str, ...]:
        """Starts a command inside."""
        return ("sh", "-c", f'echo $$ > {self._folder}/cgroup.procs && exec "$@"', "sh")

    def remove(self) -> None:
        for _ in range(100):  # the last process may still be on its way out
            with contextlib.suppress(OSError):
                self._folder.rmdir()
                return
            time.sleep(0.05)
        self._folder.rmdir()


@contextlib.contextmanager
def control_group(controller: str) -> Iterator[ControlGroup]:
    group = ControlGroup(controller)
    try:
        yield group
    finally:
        group.remove()
