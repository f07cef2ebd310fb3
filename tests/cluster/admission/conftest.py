from __future__ import annotations

from collections.abc import Iterator

import pytest
from cluster.control_plane import ControlPlane
from cluster.kubectl import Kubectl
from cluster.sandbox import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def control_plane(sandbox: Sandbox) -> Iterator[ControlPlane]:
    started = ControlPlane(sandbox)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def kubectl(control_plane: ControlPlane) -> Kubectl:
    return control_plane.kubectl
