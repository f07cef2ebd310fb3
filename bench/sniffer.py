"""A running sniffer: started, known to have its capture open, stopped, its ledger read."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from bench.network import Namespace
from bench.process import Child, Usage
from bench.tools import Tools

_OPEN_WITHIN = 30.0


class Sniffer:
    """One `tcp-sniffer run` in a namespace."""

    def __init__(
        self, command: Sequence[str], folder: Path, *, stdout: IO[bytes] | int, environment: Mapping[str, str]
    ) -> None:
        self._ready = folder / "capture-open"
        self._log = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close()
        self.child = Child(command, stdout=stdout, stderr=self._log, environment={"TMPDIR": str(folder), **environment})

    def is_open(self) -> bool:
        """The capture is; what comes from now on is seen."""
        if self.child.ended():
            raise RuntimeError(f"the sniffer ended: {self._said()}")
        return self._ready.exists()

    def stop(self) -> Usage:
        return self.child.stop()

    def stats(self) -> dict[str, Any]:
        """The final ledger, of a sniffer that ended."""
        for line in reversed(self._said().splitlines()):
            entry = json.loads(line)
            if entry.get("event") == "stats" and entry.get("final"):
                return dict(entry["stats"])
        raise RuntimeError(f"the sniffer wrote no final stats: {self._said()}")

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def close(self) -> None:
        self.child.close()
        self._log.close()


@contextlib.contextmanager
def running(
    tools: Tools,
    where: Namespace,
    *options: str,
    interface: str,
    stdout: IO[bytes] | int = subprocess.DEVNULL,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Sniffer]:
    """A sniffer of port 80 whose capture is open."""
    command = [*tools.sniffer, "run", "--interface", interface, "--ports", "80", *options]
    with tempfile.TemporaryDirectory() as folder:
        sniffer = Sniffer(where.inside(command), Path(folder), stdout=stdout, environment=environment or {})
        try:
            deadline = time.monotonic() + _OPEN_WITHIN
            while not sniffer.is_open():
                if time.monotonic() > deadline:
                    raise RuntimeError("the sniffer's capture does not open")
                time.sleep(0.01)
            yield sniffer
        finally:
            sniffer.close()
