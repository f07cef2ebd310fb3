"""What a cluster might leave on the machine, as something to compare."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from .binaries import SYSTEM_PATH

# Settings that a kubelet, containerd, kube-proxy or a CNI plugin is known to change, and their like.
SETTINGS = ("kernel/keys", "kernel/panic*", "vm/overcommit*", "vm/panic*", "net/ipv4", "net/ipv6/conf", "net/bridge")
FOLDERS = ("/run", "/run/netns", "/var/lib", "/var/lib/cni", "/var/log", "/etc/cni", "/opt/cni", "/sys/fs/cgroup")
OWN = "tcp-sniffer-cluster-*"


def machine() -> dict[str, object]:
    """Mounts, interfaces, packet filter rules, settings, folders and cgroups of the machine."""
    return {
        "mounts": sorted(line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()),
        "interfaces": sorted(_run("ip", "-o", "link").splitlines()),
        "namespaces": _run("ip", "netns"),
        "rules": [line for line in _run("iptables-save").splitlines() if line.startswith("-")],
        "settings": {str(file): _value(file) for file in _setting_files()},
        "folders": {folder: sorted(os.listdir(folder)) for folder in FOLDERS if Path(folder).is_dir()},  # noqa: PTH208
        "cgroups": sorted(map(str, [*Path("/sys/fs/cgroup").glob(OWN), *Path("/sys/fs/cgroup").glob(f"*/{OWN}")])),
        "files": sorted(map(str, Path(tempfile.gettempdir()).glob(OWN))),
    }


def differences(before: dict[str, object], after: dict[str, object]) -> dict[str, tuple[object, object]]:
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}


def processes(name: str) -> list[str]:
    """The command lines of what belongs to a sandbox: its folder's name is in them, or its cgroup's."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "cgroup").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if name.encode() in told:
            found.append(told.replace(b"\0", b" ").decode(errors="replace"))
    return found


def _setting_files() -> list[Path]:
    roots = [found for pattern in SETTINGS for found in sorted(Path("/proc/sys").glob(pattern))]
    found = (file for root in roots for file in (root, *sorted(root.rglob("*"))))
    return [file for file in found if file.is_file()]


def _value(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:  # write-only, or of an interface that has no such setting
        return type(error).__name__


def _run(*command: str) -> str:
    path = {**os.environ, "PATH": SYSTEM_PATH}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, env=path)
    return done.stdout
