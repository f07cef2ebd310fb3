"""The webhook's rights: with each one taken away what it is for fails, so none is spare; with all of them it works."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from cluster.injector import NAME, NAMESPACE, Injector, install
from cluster.kubectl import Kubectl
from cluster.sandbox import wait_until
from conftest import MakeNamespace
from pods import pod
from test_failure_policy import is_reviewed

LABELLED = {**pod(), "metadata": {"generateName": "rights-", "labels": {"tcp-sniffer/inject": "true"}}}
ROLE = f"clusterrole/{NAME}"
CERTIFICATE_RIGHTS = [
    (role, verb)
    for role in (f"role/{NAME}-certificates", f"clusterrole/{NAME}-certificates")
    for verb in ("get", "update")
]


@pytest.fixture(autouse=True)
def restored(kubectl: Kubectl, injector: Injector) -> Iterator[None]:
    yield
    install(kubectl)
    wait_until(lambda: injector.certificates() == 0, "the certificates are kept again")


@pytest.fixture(autouse=True, scope="module")
def serving_again(kubectl: Kubectl, installed: Injector) -> Iterator[None]:
    """The certificates were made anew: the webhook would load them in a minute."""
    yield
    installed.stop()
    installed.start()
    wait_until(lambda: is_reviewed(kubectl, installed), "the webhook is asked again")


def rules(kubectl: Kubectl, role: str) -> list[dict[str, list[str]]]:
    found: list[dict[str, list[str]]] = kubectl.of(NAMESPACE).get(role)["rules"]
    return found


def change(kubectl: Kubectl, role: str, wanted: list[dict[str, list[str]]]) -> None:
    kubectl.of(NAMESPACE)("patch", role, "--type=merge", f"--patch={json.dumps({'rules': wanted})}")


def without(kubectl: Kubectl, resource: str) -> None:
    every = rules(kubectl, ROLE)
    change(kubectl, ROLE, [rule for rule in every if resource not in rule["resources"]])


def test_these_are_all(kubectl: Kubectl) -> None:
    assert [(rule["resources"], rule["verbs"]) for rule in rules(kubectl, ROLE)] == [
        (["namespaces"], ["get"]),
        (["configmaps"], ["get"]),
        (["persistentvolumeclaims"], ["get"]),
    ]
    for role in {role for role, _ in CERTIFICATE_RIGHTS}:
        assert [rule["verbs"] for rule in rules(kubectl, role)] == [["get", "update"]]
    assert rules(kubectl, ROLE)[1]["resourceNames"] == ["tcp-sniffer"]


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
    change(
        kubectl,
        role,
        [{**rule, "verbs": [one for one in rule["verbs"] if one != verb]} for rule in rules(kubectl, role)],
    )
    wait_until(lambda: injector.certificates() == 1, "the certificates are not kept")
