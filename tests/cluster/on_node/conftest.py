from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from apps import COLLECTOR, NAMESPACE, PORT, Apps, Client, Collector, container, server
from cluster.control_plane import ControlPlane
from cluster.images import SIDECAR, WEBHOOK, save
from cluster.injector import deploy
from cluster.kubectl import Kubectl, Place
from cluster.node import Node
from cluster.sandbox import Sandbox

PROGRAMS = Path(__file__).with_name("programs")
# Kinds that come and go by themselves, or with a Service, which is looked at itself.
OF_OTHERS = {"Lease", "IPAddress"}


@pytest.fixture(scope="session")
def images() -> Path:
    """The images as one archive, built for real."""
    return save()


@pytest.fixture(scope="session")
def node(images: Path) -> Iterator[Node]:
    """A cluster with a node that is ready."""
    sandbox = Sandbox()
    try:
        started = Node(ControlPlane(sandbox, scheduler=True))
        started.load(images)
        started.join()
        yield started
    finally:
        sandbox.stop()


@pytest.fixture(scope="session")
def administrator(node: Node) -> Kubectl:
    return node.control_plane.kubectl


def objects(administrator: Kubectl) -> set[Place]:
    """What the API server keeps; without what is the app's."""
    return {place for place in administrator.places() if NAMESPACE not in place and place[0] not in OF_OTHERS}


@pytest.fixture(scope="session")
def before_installation(administrator: Kubectl) -> set[Place]:
    return objects(administrator)


@pytest.fixture(scope="session")
def installed(administrator: Kubectl, node: Node, before_installation: set[Place]) -> None:  # noqa: ARG001 it looks first
    """config/ with the images that were built here; the webhook's replicas are ready and the API server asks them."""
    deploy(administrator, node.control_plane.files / "overlay", SIDECAR, WEBHOOK)


@pytest.fixture(scope="session")
def kubectl(administrator: Kubectl, installed: None) -> Kubectl:  # noqa: ARG001 pods come after the webhook
    """In the app's namespace."""
    administrator("create", "namespace", NAMESPACE)
    author = administrator.of(NAMESPACE)
    files = [f"--from-file={program}" for program in PROGRAMS.glob("*.py")]
    author("create", "configmap", "programs", *files)
    return author


@pytest.fixture(scope="session")
def apps(kubectl: Kubectl) -> Apps:
    return Apps(kubectl)


@pytest.fixture(scope="session")
def client(apps: Apps) -> Client:
    return Client(
        apps.deploy(
            "client", container("-c", "import signal; signal.signal(15, lambda *_: exit()); signal.pause()"), labels={}
        )
    )


@pytest.fixture(scope="session")
def collector(apps: Apps, kubectl: Kubectl) -> Collector:
    pod = apps.deploy("collector", server(PORT), labels={})
    kubectl("expose", "deployment", "collector", f"--cluster-ip={COLLECTOR}")
    return Collector(pod)
