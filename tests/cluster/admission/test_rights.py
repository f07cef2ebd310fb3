"""The webhook's rights: with each one taken away what it is for fails, so none is spare; with all of them it works."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.injector import NAME, NAMESPACE, OVERLAY, ROOT, Injector, install
from cluster.kubectl import Kubectl
from cluster.sandbox import wait_until
from conftest import MakeNamespace
from pods import pod
from rights import CERTIFICATE_RIGHTS, CERTIFICATES, LOOKUPS, change, granted, impersonated, rules, take

pytestmark = pytest.mark.usefixtures("serving_again")
LABELLED = {**pod(), "metadata": {"generateName": "rights-", "labels": {"tcp-sniffer/inject": "true"}}}
ROLE = f"clusterrole/{NAME}"


@pytest.fixture(autouse=True)
def restored(kubectl: Kubectl, injector: Injector) -> Iterator[None]:
    yield
    install(kubectl)
    wait_until(lambda: injector.certificates() == 0, "the certificates are kept again")


def without(kubectl: Kubectl, resource: str) -> None:
    every = rules(kubectl, ROLE)
    change(kubectl, ROLE, [rule for rule in every if resource not in rule["resources"]])


def test_these_are_all(kubectl: Kubectl) -> None:
    assert granted(kubectl, NAME) == LOOKUPS | CERTIFICATES


def test_nothing_else_is_allowed(kubectl: Kubectl) -> None:
    """Its own objects by other verbs, and others of their kind."""
    calls = [
        ("get", "nodes"),
        ("get", "pods"),
        ("get", "secrets"),
        ("get", "secret/another"),
        ("get", "configmap/another"),
        ("get", f"mutatingwebhookconfiguration/{NAME}-2"),
        ("delete", f"secret/{NAME}-tls"),
        ("delete", f"mutatingwebhookconfiguration/{NAME}"),
        ("label", "namespace/default", "theirs=ours"),
        ("create", "configmap", "tcp-sniffer"),
        ("create", "token", NAME),
    ]
    for call in calls:
        refused = kubectl.of(NAMESPACE).tried(*call, impersonated(NAME))
        assert refused.returncode != 0, call
        assert "forbidden" in refused.stderr.lower(), call


def test_namespaces(kubectl: Kubectl, namespace: MakeNamespace) -> None:
    """Not knowing the namespace the webhook can't tell whether the pod would start: the pod stays as it is."""
    without(kubectl, "namespaces")
    wait_until(
        lambda: "initContainers" not in namespace(fresh=True).create(LABELLED)["spec"], "no pod gets the sidecar"
    )


def test_config_maps(kubectl: Kubectl, namespace: MakeNamespace) -> None:
    """Without it the decision goes on, and warns."""
    without(kubectl, "configmaps")

    def warns() -> bool:
        made = namespace(fresh=True).tried("create", "-f", "-", manifest=LABELLED)
        return made.returncode == 0 and "decided without the ConfigMap tcp-sniffer" in made.stderr

    wait_until(warns, "the pod's creator is warned")


def test_claims(kubectl: Kubectl, namespace: MakeNamespace) -> None:
    """The namespace's claim takes the recordings; unseen, they go with the pod, and its creator is warned."""
    assert recorded(namespace(fresh=True)) == ("tcp-sniffer-captures", False)
    without(kubectl, "persistentvolumeclaims")
    wait_until(
        lambda: recorded(namespace(fresh=True)) == (None, True), "the claim is not found, and the creator is warned"
    )


def recorded(own: Kubectl) -> tuple[str | None, bool]:
    """The claim for the recordings of a pod in a namespace that has one; and whether it could not be looked for."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "tcp-sniffer-captures"}}
    own.create({**claim, "spec": spec})
    metadata = {**LABELLED["metadata"], "annotations": {"tcp-sniffer/recording": "true"}}
    made = own.tried("create", "-f", "-", "-o", "json", manifest={**LABELLED, "metadata": metadata})
    volumes = {volume["name"]: volume for volume in json.loads(made.stdout)["spec"]["volumes"]}
    name = volumes["tcp-sniffer-captures"].get("persistentVolumeClaim", {}).get("claimName")
    return name, "could not be looked for" in made.stderr


@pytest.mark.parametrize(("role", "verb"), CERTIFICATE_RIGHTS)
def test_certificates(role: str, verb: str, kubectl: Kubectl, injector: Injector) -> None:
    # Something to do for it: without certificates both objects have to be written.
    kubectl.of(NAMESPACE)("patch", f"secret/{NAME}-tls", "--type=merge", '--patch={"data": null}')
    take(kubectl, role, verb)
    wait_until(lambda: injector.certificates() == 1, "the certificates are not kept")


@pytest.mark.usefixtures("node")
def test_nodes_before_1_32(kubectl: Kubectl, injector: Injector, tmp_path: Path) -> None:
    """The component's only right: to list the nodes, which an older API server's webhook asks for their versions."""
    assert oldest_kubelet(injector) == "unknown"
    install(kubectl, str(before_1_32(tmp_path / "overlay")))
    assert granted(kubectl, NAME) == LOOKUPS | CERTIFICATES | {("list", "nodes", "*")}
    wait_until(lambda: oldest_kubelet(injector) != "unknown", "the nodes are told")


def before_1_32(folder: Path) -> Path:
    """config/ with the component, described in a new folder."""
    folder.mkdir()
    component = ROOT / "config" / "components" / "kubernetes-before-1.32"
    # Kustomize takes a folder by its path from here alone.
    content = {
        "resources": [os.path.relpath(OVERLAY, folder)],
        "components": [os.path.relpath(component, folder)],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(content))
    return folder


def oldest_kubelet(injector: Injector) -> str:
    done = injector.run(NAME, str(Path(__file__).with_name("older.py")))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
