"""`tcp-sniffer run` as a process, watching loopback, from its start to its end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from replay_engine import assert_balanced, assert_valid

_PATIENCE = 20.0  # seconds: the machine may be busy


async def until(condition: Callable[[], object], what: str, patience: float = _PATIENCE) -> None:
    deadline = asyncio.get_running_loop().time() + patience
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.02)


def assert_sinks_balanced(final: Mapping[str, Any]) -> None:
    """That in the final stats every packet, connection and message is accounted for, sink by sink."""
    assert_balanced(dict(final), final["messages"]["delivered"])
    for name, sink in final["sinks"].items():
        assert sink["queued"] == 0, name
        came = sink["produced"] + sink.get("recovered", 0)
        assert came == sink["delivered"] + sum(sink["dropped"].values()) + sink.get("spooled", 0), name
        assert sink["produced"] == final["messages"]["delivered"], name


def options(target: int, url: str, *more: str) -> list[str]:
    """Of one output, to a collector."""
    return ["--ports", str(target), "--output-url", url, *more]


class Sniffing:
    """Options are those of the command line; `env` comes over this process's own."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        env: Mapping[str, str] | None = None,
        code: str | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        folder.mkdir()
        self.folder = folder
        self._stdout, self._stderr = folder / "stdout", folder / "stderr"
        self._options = options
        # Commands that start it, such as `unshare`.
        self._prefix = prefix
        self._env = {**os.environ, "TMPDIR": str(folder), **(env or {})}
        # Python that runs in place of `-m appliance`, to change a constant first.
        self._start = ["-c", code] if code else ["-m", "appliance"]

    async def start(self, stdout: int | None = None, stderr: int | None = None, *, state: str = "capture-open") -> Self:
        """`stdout`, `stderr`: a descriptor in place of the file."""
        with self._stdout.open("wb") as out, self._stderr.open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._prefix, sys.executable, *self._start, "run", "--interface", "lo", *self._options,
                stdout=out if stdout is None else stdout, stderr=log if stderr is None else stderr, env=self._env,
            )  # fmt: skip
        await until(lambda: (self.folder / state).exists() or self._has_ended(), f"the file {state}")
        return self

    async def __aenter__(self) -> Self:
        if not hasattr(self, "process"):
            await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._has_ended():
            self.process.kill()
        await self.process.wait()

    def _has_ended(self) -> bool:
        return self.process.returncode is not None

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    async def wait(self) -> int:
        async with asyncio.timeout(_PATIENCE):
            return await self.process.wait()

    async def stop(self) -> int:
        self.signal()
        return await self.wait()

    @property
    def log_text(self) -> str:
        return self._stderr.read_text()

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_text.splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line.get("event") == name]

    @property
    def records(self) -> list[dict[str, Any]]:
        """Those that are written whole."""
        text = self._stdout.read_bytes()
        return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]

    async def until_records(self, count: int) -> list[dict[str, Any]]:
        await until(lambda: len(self.records) >= count, f"{count} records")
        return self.records

    async def until_event(self, name: str) -> dict[str, Any]:
        await until(lambda: self.events(name), f"the event {name} in the log")
        return self.events(name)[0]

    @property
    def stats(self) -> dict[str, Any]:
        """The final ones, after the checks that hold for every run."""
        (final,) = [line["stats"] for line in self.events("stats") if line.get("final")]
        assert_sinks_balanced(final)
        return dict(final)

    def sink(self, name: str) -> dict[str, Any]:
        sink: dict[str, Any] = self.stats["sinks"][name]
        if name == "stdout" and self._stdout.stat().st_size:
            assert sink["delivered"] == len(self.records)
            for record in self.records:
                assert_valid(record)
        return sink
