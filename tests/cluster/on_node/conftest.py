from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from apps import COLLECTOR, LABELLED, NAMESPACE, PORT, Apps, Client, Collector, container, server, template
from cluster.control_plane import ControlPlane
from cluster.images import SIDECAR, WEBHOOK, save
from cluster.injector import install, overlay
from cluster.kubectl import Kubectl
from cluster.node import Node
from cluster.sandbox import Sandbox, wait_until

PROGRAMS = Path(__file__).with_name("programs")


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


@pytest.fixture(scope="session")
def installed(administrator: Kubectl, node: Node) -> None:
    """config/ with the images that were built here; the webhook's replicas are ready and the API server asks them."""
    install(administrator, str(overlay(node.control_plane.files / "overlay", SIDECAR, WEBHOOK)))
    administrator.of("tcp-sniffer")(
        "rollout", "status", "deployment/tcp-sniffer-webhook", "--timeout=240s", timeout=260
    )
    pod = template("first", container(), labels=LABELLED, annotations={"ports": "80"}, restartPolicy="Always")
    manifest = {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": {**pod["metadata"], "name": "first"}}
    wait_until(
        lambda: "initContainers" in administrator.create(manifest, "--dry-run=server")["spec"], "a pod gets the sidecar"
    )


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
