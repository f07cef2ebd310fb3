"""A place of its own for a cluster: network, mounts and processes in namespaces that end as one.

Whatever runs inside (daemons, the shims they leave behind, containers) ends when the sandbox's first process does, and
that one ends when its standard input is closed: also where the tests are killed. With the last process go the
interfaces, packet filter rules, network sysctls and mounts. What lies outside, the cgroups and the folder of files, is
removed by `Sandbox.stop`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from .binaries import SYSTEM_PATH

ADDRESS = "10.99.0.1"  # the machine's inside: an EndpointSlice takes none of the loopback's
# The kubelet sets these for the whole machine; inside, it writes files that lie upon them.
KERNEL_SETTINGS = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
# Written to by name by containerd, its shims, the CNI plugins and the kubelet, whatever their settings say.
OWN_FOLDERS = ("/run", "/var/lib", "/var/log")
SET_UP = f"""
set -eu
ip link set lo up
ip address add {ADDRESS}/32 dev lo
for own in "$@"; do mount --bind "$WORK$own" "$own"; done
echo ready
read -r _ || true
"""


class Machine:
    """This machine as it is, and a folder of files: for programs that ask a cluster of somebody else's."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tcp-sniffer-cluster-"))
        self._daemons: list[Daemon] = []

    def inside(self, *command: str) -> list[str]:
        """The command, to be run there, by a process that waits for it."""
        return ["setsid", "--fork", "--wait", *command]

    def run(
        self, *command: str, check: bool = True, stdin: str | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Runs the command there to its end; a failure is a RuntimeError that tells what it said."""
        done = subprocess.run(
            self.inside(*command),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            env=_environment(),
        )
        if check and done.returncode:
            raise RuntimeError(
                f"{' '.join(command)}: exit code {done.returncode}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
            )
        return done

    def start(self, name: str, *command: str, **environment: str) -> Daemon:
        """A program that runs there; its output goes to NAME.log in the folder."""
        daemon = Daemon(name, self.inside(*command), self.folder / f"{name}.log", _environment(**environment))
        self._daemons.append(daemon)
        return daemon

    def stop(self) -> None:
        """Ends all that was started."""
        for daemon in self._daemons:
            daemon.kill()
        shutil.rmtree(self.folder)


class Sandbox(Machine):
    """Namespaces and a folder of files. Without root it has no cgroups, which is enough for an API server."""

    def __init__(self) -> None:
        super().__init__()
        self.cgroup = self.folder.name
        self._root = os.geteuid() == 0
        self._process = subprocess.Popen(
            [
                "unshare",
                *self._user(),
                "--net",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                *self._init(),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(WORK=str(self.folder)),
            start_new_session=True,  # Ctrl-C reaches the tests, which then end it in order
        )
        if self._process.stdout is None or self._process.stdout.readline() != b"ready\n":
            said = self._process.communicate()[1].decode()
            shutil.rmtree(self.folder)
            raise RuntimeError(f"no namespaces could be made: {said.strip()}")
        self._first = _child(self._process.pid)

    def _user(self) -> list[str]:
        return [] if self._root else ["--user", "--map-root-user"]

    def _init(self) -> list[str]:
        if not self._root:
            return ["bash", "-c", SET_UP, "set-up"]
        for own in OWN_FOLDERS:
            (self.folder / own[1:]).mkdir(parents=True)
        settings = [f"/proc/sys/{name}" for name in KERNEL_SETTINGS]
        for setting in settings:
            copy = self.folder / setting[1:]
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(Path(setting).read_bytes())
        return ["bash", "-c", SET_UP, "set-up", *OWN_FOLDERS, *settings]

    def inside(self, *command: str) -> list[str]:
        user = [] if self._root else ["--user", "--preserve-credentials"]
        return ["nsenter", f"--target={self._first}", *user, "--net", "--mount", "--pid", "--", *command]

    def stop(self) -> None:
        """Ends all that runs inside. May be called twice."""
        if self._process.stdin is None or self._process.stdin.closed:
            return
        self._process.stdin.close()
        self._process.wait(timeout=60)
        for daemon in self._daemons:
            daemon.ended()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        if self._root:
            self._remove_cgroups()
        shutil.rmtree(self.folder)

    def make_cgroup(self) -> str:
        """A cgroup for the node's pods, in every hierarchy; its path."""
        if Path("/sys/fs/cgroup/cgroup.controllers").exists():
            (Path("/sys/fs/cgroup") / self.cgroup).mkdir()
        else:
            for hierarchy in _hierarchies():
                (hierarchy / self.cgroup).mkdir(exist_ok=True)
        return f"/{self.cgroup}"

    def _remove_cgroups(self) -> None:
        for hierarchy in [Path("/sys/fs/cgroup"), *_hierarchies()]:
            if (hierarchy / self.cgroup).exists():
                for folder, _, _ in os.walk(hierarchy / self.cgroup, topdown=False):
                    wait_until(partial(_removed, Path(folder)), f"the cgroup {folder} is empty", 30)


class Daemon:
    """A program that runs inside until it is stopped; its output goes to a file."""

    def __init__(self, name: str, command: list[str], log: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._entered = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
            )

    def running(self) -> bool:
        return self._entered.poll() is None

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def await_(self, holds: Callable[[], bool], what: str, timeout: float = 120) -> None:
        """Waits until it holds. Raises RuntimeError with the end of the log where it ends first, or never holds."""
        wait_until(lambda: not self.running() or holds(), f"{what}; {self.name} said: {self.output()[-4000:]}", timeout)
        if not self.running():
            raise RuntimeError(f"{self.name} ended: {self.output()[-4000:]}")

    def signal(self, number: signal.Signals) -> None:
        # nsenter and setsid wait for the program, and pass no signal on.
        if self.running():
            os.kill(_child(self._entered.pid), number)

    def stop(self, timeout: float = 60) -> int:
        """Ends it by SIGTERM; its exit code."""
        self.signal(signal.SIGTERM)
        try:
            return self._entered.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self._entered.wait(timeout=timeout)
            raise RuntimeError(f"{self.name} did not end within {timeout} s: {self.output()[-4000:]}") from None

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.ended()

    def ended(self) -> int:
        """Waits for its end; its exit code."""
        return self._entered.wait(timeout=30)


def wait_until(holds: Callable[[], bool], what: str, timeout: float = 120) -> None:
    deadline = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {timeout:g} s still not: {what}")
        time.sleep(0.1)


def _environment(**more: str) -> dict[str, str]:
    """This process's, without the proxies for the world outside: nothing inside is reached by one."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**kept, "PATH": SYSTEM_PATH, **more}


def _child(pid: int) -> int:
    """The only child of a process, which is about to have one."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    wait_until(lambda: children.read_text() != "", f"process {pid} has started another", 30)
    return int(children.read_text())


def _hierarchies() -> list[Path]:
    return [folder for folder in Path("/sys/fs/cgroup").glob("*") if (folder / "cgroup.procs").exists()]


def _removed(cgroup: Path) -> bool:
    try:
        cgroup.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
