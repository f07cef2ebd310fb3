"""What all tests share: the engine's library, built once where nothing names another."""

from __future__ import annotations

import fcntl
import os
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Builds before the first test: it takes longer than a test may."""
    if not session.config.option.collectonly and any("library" in item.fixturenames for item in session.items):
        _library()


@pytest.fixture(scope="session")
def library() -> Path:
    """libsniffer.so: TCP_SNIFFER_LIBRARY, the installed package's, or else native/ built into .cache/build."""
    return _library()


def _library() -> Path:
    if named := os.environ.get("TCP_SNIFFER_LIBRARY"):
        return Path(named)
    installed = Path(str(files("appliance").joinpath("libsniffer.so")))
    if installed.exists():
        return installed
    build = ROOT / ".cache" / "build"
    build.mkdir(parents=True, exist_ok=True)
    with (build / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes of tests start at once
        subprocess.run(["cmake", "-S", ROOT / "native", "-B", build], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", build, "-j2", "--target", "sniffer"], check=True, stdout=subprocess.DEVNULL)
    os.environ["TCP_SNIFFER_LIBRARY"] = str(build / "libsniffer.so")
    return build / "libsniffer.so"
