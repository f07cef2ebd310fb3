"""A container engine for the tests: the one that runs already, or a private one for the time of the run.

The private one is Debian's `dockerd` with its own data, socket and process id. It touches neither
bridges nor packet filters: images are built on the host's network, containers share a closed one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

START_TIMEOUT_S = 60
NEEDS = (
    "needs a container engine: a running Docker with BuildKit, or, as root, Debian's docker.io (scripts/install --test)"
)


@dataclass(frozen=True)
class Engine:
    """A docker client and the engine it talks to."""

    command: tuple[str, ...]

    def __call__(
        self, *arguments: str, check: bool = True, stdin: bytes = b"", timeout: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs `docker ARGUMENTS`; a failure shows what docker said."""
        done = subprocess.run(
            [*self.command, *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=timeout,
            env={**os.environ, "DOCKER_BUILDKIT": "1"},
        )
        if check and done.returncode:
            said = (done.stdout + done.stderr).decode(errors="replace")[-4000:]
            raise RuntimeError(f"docker {' '.join(arguments)}: exit code {done.returncode}\n{said}")
        return done

    def text(self, *arguments: str) -> str:
        return self(*arguments).stdout.decode().strip()

    def answers(self) -> bool:
        return self("info", check=False).returncode == 0


@contextlib.contextmanager
def engine(cache: Path) -> Iterator[Engine]:
    client = _client()
    running = Engine((client,))
    if running.answers():
        yield running
        return
    daemon = shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if daemon is None or os.geteuid() != 0:
        raise RuntimeError(NEEDS)
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two engines on the same data would spoil it
        with _private(client, daemon, cache / "engine") as private:
            yield private


def _client() -> str:
    """The first docker client that builds with BuildKit: by its buildx plugin, or built in, as before version 23."""
    folders = [*os.environ["PATH"].split(":"), "/usr/bin"]
    for client in (Path(folder, "docker") for folder in folders):
        if not os.access(client, os.X_OK):
            continue
        if subprocess.run([client, "buildx", "version"], capture_output=True, check=False).returncode == 0:
            return str(client)
        version = subprocess.run([client, "--version"], capture_output=True, text=True, check=True).stdout
        if int(version.split()[2].split(".")[0]) < 23:
            return str(client)
    raise RuntimeError(NEEDS)


@contextlib.contextmanager
def _private(client: str, daemon: str, data: Path) -> Iterator[Engine]:
    # A socket's path has at most 107 bytes, so it can't stand in a checkout that may lie deep.
    state = Path(tempfile.mkdtemp(prefix="tcp-sniffer-engine-"))
    arguments = [f"--data-root={data}", f"--exec-root={state}/exec", f"--pidfile={state}/pid"]
    arguments += [f"--host=unix://{state}/socket", "--bridge=none", "--iptables=false", "--ip6tables=false"]
    with (state / "log").open("wb") as log:
        # A session of its own: Ctrl-C reaches the tests, which then end it in order; setpriv: it ends
        # also where the tests are killed.
        command = ["setpriv", "--pdeathsig", "TERM", daemon, *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    private = Engine((client, "--host", f"unix://{state}/socket"))
    try:
        _await(process, private, state / "log")
        yield private
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        _unmount(state)
        shutil.rmtree(state)


def _await(process: subprocess.Popen[bytes], private: Engine, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not private.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"dockerd did not start:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.2)


def _unmount(state: Path) -> None:
    """What dockerd leaves mounted below its state (its network namespaces)."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        point = line.split()[1]
        if point.startswith(f"{state}/"):
            subprocess.run(["umount", point], check=True)
