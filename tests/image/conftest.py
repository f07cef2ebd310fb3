from __future__ import annotations

from collections.abc import Iterator

import pytest

from image.build import ROOT, build
from image.engine import Engine, engine

CACHE = ROOT / ".cache" / "image"


@pytest.fixture(scope="session", name="docker")
def docker_() -> Iterator[Engine]:
    with engine(CACHE) as started:
        yield started


@pytest.fixture(scope="session")
def image(docker: Engine) -> str:
    """The image, built for real; its name."""
    tag = "tcp-sniffer:test"
    build(docker, tag, CACHE)
    return tag
