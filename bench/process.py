"""Runs programs and tells what they took."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_STOP_WITHIN = 30.0


@dataclass(frozen=True)
class Usage:
    """What a process took from its start to its end."""

    user: float
    system: float
    wall: float
    status: int

    @property
    def cpu(self) -> float:
        return self.user + self.system


class Child:
    """A process of ours, whose own resource usage is known when it ended."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdout: IO[bytes] | int = subprocess.DEVNULL,
        stderr: IO[bytes] | int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **(environment or {})},
        )
        self.pid = self._process.pid

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self) -> Usage:
        _, status, used = os.wait4(self.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return Usage(used.ru_utime, used.ru_stime, time.monotonic() - self._began, self._process.returncode)

    def ended(self) -> bool:
        if self._process.returncode is not None:
            return True
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def stop(self, number: signal.Signals = signal.SIGTERM) -> Usage:
        """Asks it to end, and waits. One that does not end is killed, and that is an error."""
        self.send(number)
        deadline = time.monotonic() + _STOP_WITHIN
        while not self.ended():
            if time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"process {self.pid} did not end within {_STOP_WITHIN:g} s of {number.name}")
            time.sleep(0.002)
        return self.wait()

    def close(self) -> None:
        """Ends it by force where it still runs."""
        if self._process.returncode is None:
            self.send(signal.SIGKILL)
            self.wait()

    def cpu(self) -> float:
        """Seconds of processor time so far, of all its threads (the clock of clock_getcpuclockid(3))."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def resident(self, field: str = "VmRSS") -> int:
        """Bytes of resident memory; `VmHWM` is the most it ever had."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return int(value.split()[0]) * 1024
        raise RuntimeError(f"process {self.pid} has no {field}: it ended")


def measure(command: Sequence[str], *, stdout: IO[bytes] | int = subprocess.DEVNULL) -> Usage:
    """Runs a program to its good end. What it says on stderr is shown only when it has another end."""
    with tempfile.TemporaryFile() as log:
        child = Child(command, stdout=stdout, stderr=log)
        try:
            usage = child.wait()
        finally:
            child.close()
        if usage.status:
            log.seek(0)
            raise RuntimeError(f"{command[0]} ended with {usage.status}: {log.read().decode(errors='replace')}")
        return usage
