from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cluster import users
from cluster.control_plane import ControlPlane
from cluster.injector import PORT, Injector, endpoints, install
from cluster.kubectl import Kubectl, Object
from cluster.sandbox import Sandbox, wait_until
from cluster.users import Cluster, UsersCluster

# The decision table's rows.
sys.path.append(str(Path(__file__).parents[2] / "webhook"))

MakeNamespace = Callable[..., Kubectl]
# There is no kubelet.
NODE: Object = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "nowhere", "labels": {"kubernetes.io/os": "linux"}},
    "status": {"nodeInfo": {"kubeletVersion": "v1.31.4"}},
}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The user's, or one of its own."""
    if users.KUBECONFIG:
        theirs = UsersCluster(Path(users.KUBECONFIG))
        yield theirs
        theirs.stop()
        return
    sandbox = Sandbox()
    try:
        yield ControlPlane(sandbox)
    finally:
        sandbox.stop()


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster) -> Kubectl:
    return cluster.kubectl


@pytest.fixture
def injector(installed: Injector) -> Injector:
    """The webhook, with the settings of config/, whatever the test before chose."""
    installed.use()
    return installed


@pytest.fixture(scope="session")
def installed(cluster: Cluster) -> Injector:
    """config/ as it is, with a webhook on this machine behind its Service."""
    install(cluster.kubectl)
    started = Injector(cluster)
    cluster.kubectl.apply(endpoints(cluster.address, PORT))
    _await_first_review(cluster.kubectl, started)
    return started


@pytest.fixture(scope="module")
def serving_again(kubectl: Kubectl, installed: Injector) -> Iterator[None]:
    """For tests after which the certificates are others: the webhook would load them in a minute."""
    yield
    installed.stop()
    installed.start()
    _await_first_review(kubectl, installed)


def _await_first_review(kubectl: Kubectl, injector: Injector) -> None:
    """The API server sees the endpoints and the caBundle a moment after they were written."""
    pod = {"metadata": {"name": "first", "labels": {"tcp-sniffer/inject": "true"}}}
    one = {"name": "app", "image": "app", "ports": [{"containerPort": 80}]}
    manifest = json.dumps({"apiVersion": "v1", "kind": "Pod", **pod, "spec": {"containers": [one]}})

    def reviewed() -> bool:
        kubectl("create", "-f", "-", "--dry-run=server", manifest=manifest)
        return injector.reviews() > 0

    wait_until(reviewed, "the API server asks the webhook")


@pytest.fixture(scope="module")
def node(kubectl: Kubectl) -> Iterator[None]:
    """One at least."""
    has_nodes = bool(kubectl.items("nodes"))
    if not has_nodes:
        kubectl.create(NODE)
    yield
    if not has_nodes:
        kubectl("delete", "node", NODE["metadata"]["name"])


@pytest.fixture(scope="session")
def namespace(kubectl: Kubectl) -> MakeNamespace:
    """Makes a namespace with labels, and a ConfigMap `tcp-sniffer` with that text in it; kubectl for it.

    The same one for the same arguments: they go with the cluster.
    """
    made: dict[str, Kubectl] = {}

    def make(labels: dict[str, str] | None = None, config_map: str | None = None, *, fresh: bool = False) -> Kubectl:
        key = json.dumps([labels or {}, config_map])
        if key not in made or fresh:
            made[key] = _namespace(kubectl, labels or {}, config_map)
        return made[key]

    return make


def _namespace(kubectl: Kubectl, labels: dict[str, str], config_map: str | None) -> Kubectl:
    name = f"shop-{uuid4().hex[:8]}"
    metadata = {"name": name, "labels": {users.LABEL: "", **labels}}
    kubectl.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    own = kubectl.of(name)
    if config_map is not None:
        content: dict[str, Any] = {"metadata": {"name": "tcp-sniffer"}, "data": {"sniffer.yaml": config_map}}
        own.create({"apiVersion": "v1", "kind": "ConfigMap", **content})
    # Made by a controller; before, pods are refused.
    wait_until(lambda: own.tried("get", "serviceaccount", "default").returncode == 0, f"{name} has its account")
    return own
