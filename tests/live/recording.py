"""A sniffer that records, and what its files hold by tshark's word."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from network import Namespace
from processes import ROOM, stop, wait_until

PATIENCE_S = 30.0


def eventually(condition: Callable[[], Any], what: str) -> Any:
    """The condition's value once it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)
    return value


class Recorder:
    """`tcp-sniffer run --recording` in a namespace; `folder` gets its files unless an option says otherwise."""

    def __init__(
        self, place: Namespace, home: Path, library: Path, *options: str, before: tuple[str, ...] = ()
    ) -> None:
        home.mkdir(exist_ok=True)
        self.folder, self._out, self._log = home / "files", home / "records", home / "log"
        self.folder.mkdir(exist_ok=True)
        (home / "capture-open").unlink(missing_ok=True)
        environment = {**os.environ, "TMPDIR": str(home), "TCP_SNIFFER_LIBRARY": str(library), "POD_NAME": "web-0"}
        command = place.inside(*before, sys.executable, "-m", "appliance", "run", "--interface", "wire")
        command += ("--ports", "8080", "--recording", f"--recording-directory={self.folder}", *options)
        command += tuple(f"{name}={value}" for name, value in ROOM.items())
        with self._out.open("wb") as out, self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=out, stderr=log, env=environment)
        try:
            wait_until((home / "capture-open").exists, self.process, "the sniffer")
        except RuntimeError as error:
            stop(self.process)
            raise RuntimeError(f"{error}\n{self._log.read_text()}") from error

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.endswith("}")]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line.get("event") == name]

    def stop(self) -> list[dict[str, Any]]:
        """Ends it; its records. `stats` then holds the last counts, whose balance is checked."""
        assert stop(self.process) == 0, self.log
        assert not self.events("recording_unguarded")
        self.stats = next(line["stats"] for line in self.log if line.get("final"))
        counts = self.stats["recording"]
        assert counts["offered"] == counts["recorded"] + counts["not_recorded"] + counts["pre_trigger"], counts
        return [json.loads(line) for line in self._out.read_text().splitlines()]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def files(self) -> list[Path]:
        """The numbered ones, oldest first, then the open one."""
        found = sorted(path for path in self.folder.iterdir() if ".pcap" in path.name and path.name[0] != ".")
        return [path for path in found if ".0" in path.name] + [path for path in found if ".0" not in path.name]

    def index(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "index.jsonl").read_text().splitlines()]

    def until_a_connection_ended(self) -> None:
        """In its last file. The first one is there a little later than the capture."""
        eventually(
            lambda: self.files() and tshark(self.files()[-1], only="tcp.flags.fin==1"),
            "the connection's end in the file",
        )


Record = Callable[..., Recorder]
Get = Callable[[str], None]


def recordings(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "appliance", "recordings", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=env)


def tshark(file: Path, *fields: str, only: str = "") -> list[list[str]]:
    """The fields of each packet; fails where the file cannot be read to its end."""
    command = ["tshark", "-n", "-r", str(file), "-T", "fields", "-o", "tcp.desegment_tcp_streams:false"]
    command += [part for field in fields or ("frame.number",) for part in ("-e", field)]
    command += ["-Y", only] if only else []
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "cut short" not in done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]
