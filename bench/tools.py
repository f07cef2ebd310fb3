"""Where the programs are that the benches run."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "bench"
# Where programs write their output while they are measured: the disk is not.
MEMORY = Path("/dev/shm")  # noqa: S108 - only for files that have no name, or a folder of their own


@dataclass(frozen=True)
class Tools:
    """`sniffer`: the command; `native`: the folder with bare_pass and engine_pass."""

    sniffer: list[str]
    native: Path

    @classmethod
    def found(cls, sniffer: str, native: Path) -> Tools:
        return cls(shlex.split(sniffer), native)

    def replay(self, capture: Path) -> list[str]:
        return [*self.sniffer, "replay", str(capture), "--ports", "80"]

    def bare_pass(self, capture: Path) -> list[str]:
        return [str(self.native / "bare_pass"), str(capture)]

    def engine_pass(self, capture: Path) -> list[str]:
        from appliance.config import gather

        draft = gather(None, {}, {"ports": [80]}, defaults={"outputStdout": True})
        return [str(self.native / "engine_pass"), draft.engine_json(replay={"files": [str(capture)], "speed": 0})]
