from __future__ import annotations

import os
from pathlib import Path

import pytest

VARIABLE = "TCP_SNIFFER_CORPUS"


@pytest.fixture(scope="session")
def corpus() -> Path:
    named = os.environ.get(VARIABLE)
    if not named:
        pytest.fail(
            f"{VARIABLE} is not set: it names a folder with real captures, their manifest.json, and expected/*.jsonl",
            pytrace=False,
        )
    if not (Path(named) / "manifest.json").is_file():
        pytest.fail(f"{VARIABLE}={named}: there is no manifest.json in that folder", pytrace=False)
    return Path(named)
