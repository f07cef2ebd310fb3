from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from running import Timing, command

CORPUS = "TCP_SNIFFER_CORPUS"


@pytest.fixture(scope="session")
def timing(library: Path) -> Timing:
    """Runs the command on files; its JSON, in which packets = received minus those left out by name."""
    assert library.exists()

    def run(*arguments: str | Path, **environment: str) -> dict[str, Any]:
        done = command(*arguments, "--json", **environment)
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        counts = dict(result["counts"])
        counts.pop("evicted")
        assert counts.pop("received") == sum(counts.values()), counts
        return result

    return run


@pytest.fixture(scope="session")
def corpus() -> Path:
    named = os.environ.get(CORPUS)
    if not named:
        pytest.fail(f"{CORPUS} is not set: it names a folder with real captures", pytrace=False)
    return Path(named)
