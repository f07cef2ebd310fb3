from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from running import Timing

from appliance.cli import main

CORPUS = "TCP_SNIFFER_CORPUS"


@pytest.fixture(scope="session")
def timing(library: Path) -> Timing:
    """Runs the command on files; its JSON, in which packets = received minus those left out by name."""
    assert library.exists()

    def run(*arguments: str | Path) -> dict[str, Any]:
        out, errors = io.StringIO(), io.StringIO()
        # In this process: importing the database takes longer than most captures do.
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = main(["timing", *map(str, arguments), "--json"])
        assert code == 0, errors.getvalue()
        result: dict[str, Any] = json.loads(out.getvalue())
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
