from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from replay_engine import Replay, Replayed, replay


@pytest.fixture(name="replay")
def replay_(library: Path, tmp_path: Path) -> Replay:
    """Calls the engine on captures: replay(*captures, **configuration)."""
    assert library.exists()

    def call(*captures: bytes, **config: Any) -> Replayed:
        return replay(tmp_path, captures, config)

    return call
