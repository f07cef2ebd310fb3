from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from otel import Receiver, receiving
from servers import serving
from target import answer


@pytest.fixture(autouse=True)
def engine_library(library: Path) -> Path:
    """Every test here needs the engine; building it sets TCP_SNIFFER_LIBRARY."""
    return library


@pytest.fixture
async def target() -> AsyncIterator[int]:
    """The port of a server that is to be watched."""
    async with serving(answer) as port:
        yield port


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver
