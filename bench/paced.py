"""h2load: connections that stay open, each with requests at a steady rate."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from bench.network import Namespace


class PacedLoad(NamedTuple):
    """What h2load counted."""

    done: int
    succeeded: int
    seconds: float


class Paced:
    """`connections` that open one after the other within `ramp` seconds, then send `rate` requests a second together.

    A rate of less than one request a second on each connection is not h2load's: such connections wait for longer.
    """

    def __init__(
        self,
        where: Namespace,
        url: str,
        *,
        connections: int,
        rate: float,
        seconds: float,
        ramp: int = 1,
        log: Path | None = None,
    ) -> None:
        each = rate / connections
        command = ["h2load", "--h1", "-t1", f"-c{connections}", f"-r{-(-connections // ramp)}", f"--rps={each:g}"]
        command += [f"-n{connections * max(1, round(each * seconds))}", *([f"--log-file={log}"] if log else []), url]
        # The limit of open files is 1024 in many shells.
        limited = ["prlimit", f"--nofile={connections + 1024}", *command]
        self._process = subprocess.Popen(
            where.inside(limited), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def ended(self) -> bool:
        return self._process.poll() is not None

    def finish(self) -> PacedLoad:
        output, _ = self._process.communicate()
        done = re.search(r"(\d+) done, (\d+) succeeded", output)
        took = re.search(r"finished in ([\d.]+)(ms|s|min)?", output)
        if self._process.returncode or done is None or took is None:
            raise RuntimeError(f"h2load ended with {self._process.returncode}: {output}")
        return PacedLoad(int(done[1]), int(done[2]), _seconds(took))

    def close(self) -> None:
        if not self.ended():
            self._process.kill()
            self._process.wait()


def _seconds(took: re.Match[str]) -> float:
    return float(took[1]) * {"ms": 1e-3, "min": 60.0}.get(took[2], 1.0)


def latencies(log: Path, *, after: float) -> list[int]:
    """Microseconds of each answer, in order, but for those whose request left within `after` seconds of the first."""
    rows = [line.split() for line in log.read_text().splitlines()]
    began = min(int(row[0]) for row in rows) + after * 1e6
    return sorted(int(row[2]) for row in rows if int(row[0]) >= began)
