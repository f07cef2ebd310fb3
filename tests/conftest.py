"""What all tests share: the engine's library, built once where nothing names another."""

from __future__ import annotations

import os
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def library() -> Path:
    """libsniffer.so: TCP_SNIFFER_LIBRARY, the installed package's, or else native/ built into .cache/build."""
    named = os.environ.get("TCP_SNIFFER_LIBRARY")
    if named:
        return Path(named)
    installed = Path(str(files("appliance").joinpath("libsniffer.so")))
    if installed.exists():
        return installed
    build = ROOT / ".cache" / "build"
    subprocess.run(["cmake", "-S", ROOT / "native", "-B", build], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", build, "-j2", "--target", "sniffer"], check=True, stdout=subprocess.DEVNULL)
    os.environ["TCP_SNIFFER_LIBRARY"] = str(build / "libsniffer.so")
    return build / "libsniffer.so"
