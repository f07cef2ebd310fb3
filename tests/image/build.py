"""Builds the image: the base from where it can be had, then the Dockerfile."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from image.engine import Engine

ROOT = Path(__file__).parents[2]
BASE = "debian:trixie-slim"
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
CA_IN_BUILD = "/run/secrets/ca"


def build(engine: Engine, tag: str, cache: Path, target: str = "appliance", *, anew: str = "") -> str:
    """Builds the Dockerfile's target, and gives it the tag. Returns what the engine says, step by step.

    `anew`: a name for the build, which shares layers with none but those of the same name, and uses no cache.
    """
    _provide_base(engine, cache / "debian-trixie.tar")
    uncached = [f"ANEW={anew}", "CCACHE_DISABLE=1", "PIP_NO_CACHE_DIR=1"] if anew else []
    with tempfile.TemporaryDirectory() as folder:
        done = engine(
            "build",
            "--progress=plain",
            "--network=host",
            f"--target={target}",
            f"--tag={tag}",
            *(f"--build-arg={one}" for one in (f"REVISION={_revision()}", *uncached)),
            *_secrets(Path(folder)),
            str(ROOT),
            timeout=1800,
        )
    return (done.stdout + done.stderr).decode(errors="replace")


def _provide_base(engine: Engine, tarball: Path) -> None:
    """The base image: there already, from a registry, or else made here from Debian's packages."""
    if engine("image", "inspect", BASE, check=False).returncode == 0:
        return
    if not tarball.exists():
        if engine("pull", "--quiet", BASE, check=False).returncode == 0:
            return
        _debootstrap(tarball)
    engine("import", str(tarball), BASE)


def _debootstrap(tarball: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="tcp-sniffer-base-") as folder:
        _run("debootstrap", "--variant=minbase", "trixie", folder, MIRROR)
        unneeded = ["--exclude=./var/cache/apt/archives/*.deb", "--exclude=./var/lib/apt/lists/*"]
        partial = tarball.with_suffix(".partial")
        _run("tar", "-C", folder, *unneeded, "-cf", str(partial), ".")
        partial.rename(tarball)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{(done.stdout + done.stderr)[-4000:]}")


def _secrets(folder: Path) -> list[str]:
    """What pip needs on this host, the authority and its settings, for the time of the build alone."""
    settings = _host_pip()
    authority = settings.pop("cert", None) or os.environ.get("SSL_CERT_FILE")
    options = []
    if authority and Path(authority).is_file():
        settings["cert"] = CA_IN_BUILD
        options.append(f"--secret=id=ca,src={authority}")
    configuration = folder / "pip.conf"
    configuration.write_text("".join(["[global]\n", *(f"{name} = {value}\n" for name, value in settings.items())]))
    return [*options, f"--secret=id=pip,src={configuration}"]


def _host_pip() -> dict[str, str]:
    """pip's settings that say where packages come from; the environment's, listed first, win as in pip."""
    pip = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(pip, capture_output=True, text=True, check=True).stdout
    settings: dict[str, str] = {}
    for key, value in (line.split("=", 1) for line in listed.splitlines() if "=" in line):
        settings.setdefault(key.rsplit(".", 1)[-1], value.strip("'"))
    return {name: settings[name] for name in ("index-url", "extra-index-url", "cert", "proxy") if name in settings}


def _revision() -> str:
    described = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or "unknown"
