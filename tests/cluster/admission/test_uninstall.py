"""One command removes it, and nothing of it stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cluster.injector import NAMESPACE, OVERLAY, PORT, Injector, endpoints, install
from cluster.kubectl import Kubectl, Place
from cluster.sandbox import wait_until
from cluster.users import Cluster
from test_failure_policy import LABELLED, is_reviewed


@pytest.fixture
def without_the_webhook(cluster: Cluster, installed: Injector) -> Iterator[None]:
    """It is there again for the tests that follow."""
    yield
    installed.stop()
    install(cluster.kubectl)
    cluster.kubectl.apply(endpoints(cluster.address, PORT))
    installed.start()
    wait_until(lambda: is_reviewed(cluster.kubectl, installed), "the webhook is asked again")


@pytest.mark.usefixtures("without_the_webhook")
def test_nothing_stays(kubectl: Kubectl) -> None:
    assert {"Namespace", "ClusterRole", "Deployment", "Secret"} <= {kind for kind, _, _ in ours(kubectl)}
    kubectl("delete", "-k", OVERLAY, timeout=300)
    assert ours(kubectl) == []
    assert "initContainers" not in kubectl.create(LABELLED, "--dry-run=server")["spec"]


def ours(kubectl: Kubectl) -> list[Place]:
    """Kind, namespace and name of every object that the manifests brought, or that the cluster made of them."""
    return [
        (kind, namespace, name)
        for kind, namespace, name in kubectl.places()
        if namespace == NAMESPACE or (namespace == "<none>" and "tcp-sniffer" in name)
    ]
