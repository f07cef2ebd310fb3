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
    injector.stop()
    injector.start()
    wait_until(lambda: is_reviewed(kubectl, injector), "the webhook is asked again")


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
