"""Every row of the webhook's decision table, as a pod that the API server is asked to create."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cluster.injector import Injector
from cluster.kubectl import Kubectl, Object
from conftest import MakeNamespace
from test_decision import ROWS, Row

# What only a pure function can be told: versions that this cluster has not, and a ConfigMap that cannot be read.
NOT_HERE = {"cluster", "failure"}
FACTS = {"namespace", "namespace_labels", "config_map"} | NOT_HERE
# Nobody asked, or it was done: no trace of the webhook is on these.
SILENT = {"not_labelled", "opted_out", "excluded_namespace", "already_injected"}
# These the API server keeps away by its selectors.
NEVER_ASKED = SILENT - {"already_injected"}
# What Pod Security `restricted` wants of any pod. The admission of `os: windows` refuses it.
SECURE = {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}}
SECURE_CONTAINER = {"securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}


def _settings(row: Row) -> dict[str, Any]:
    """allowed_images → allowedImages"""
    words = ((name.split("_"), value) for name, value in row.facts.items() if name not in FACTS)
    return {first + "".join(map(str.capitalize, rest)): value for (first, *rest), value in words}


# In the order of their settings: the webhook takes seconds to see a change.
REAL = sorted((row for row in ROWS if not NOT_HERE & row.facts.keys()), key=lambda row: str(_settings(row)))


@pytest.fixture(params=REAL, ids=lambda row: row.why)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


@pytest.fixture
def own(row: Row, namespace: MakeNamespace, kubectl: Kubectl) -> Kubectl:
    """kubectl in the row's namespace."""
    if "namespace" in row.facts:
        return kubectl.of(row.facts["namespace"])
    return namespace(row.facts.get("namespace_labels"), row.facts.get("config_map"))


def test_row(row: Row, own: Kubectl, installed: Injector) -> None:
    installed.use(**_settings(row))
    manifest = complete(row.pod)
    expected = "untouched" if row.reason in SILENT else row.reason
    before = installed.reviews()
    dry = own.tried("create", "-f", "-", "--dry-run=server", "-o", "json", manifest=manifest)
    assert dry.returncode == 0, dry.stderr
    assert verdict(manifest, json.loads(dry.stdout)) == expected
    warned = [line for line in dry.stderr.splitlines() if line.startswith("Warning: tcp-sniffer: no sidecar")]
    assert len(warned) == (expected not in {"injected", "untouched"})
    created = own.create(manifest)
    read = own.get("pod", created["metadata"]["name"])
    if "namespace" in row.facts:  # not the tests' own, which goes with what is in it
        own("delete", "pod", created["metadata"]["name"], "--now", "--wait=false")
    assert verdict(manifest, read) == expected
    assert (installed.reviews() == before) == (row.reason in NEVER_ASKED), "unlabelled pods never reach the webhook"


@pytest.mark.parametrize("row", [row for row in REAL if row.reason not in {"injected", *SILENT}], indirect=True)
def test_denial(row: Row, own: Kubectl, installed: Injector) -> None:
    """With `onInvalid: deny` kubectl shows the reason, and each mistake."""
    installed.use(**_settings(row), onInvalid="deny")
    denied = own.tried("create", "-f", "-", manifest=complete(row.pod))
    assert denied.returncode == 1
    assert f"tcp-sniffer ({row.reason}): " in denied.stderr
    for name in row.pod["metadata"]["annotations"]:
        if row.reason == "invalid_annotation" and name.startswith("tcp-sniffer/"):
            assert name in denied.stderr


def complete(pod: Object) -> Object:
    """As the API server wants it: a name of its own, secure, and a volume for each mount."""
    if pod["spec"].get("os") == {"name": "windows"}:
        return pod
    spec = {**SECURE, **pod["spec"], "containers": [{**one, **SECURE_CONTAINER} for one in pod["spec"]["containers"]]}
    mounts = {mount["name"] for one in spec["containers"] for mount in one.get("volumeMounts", [])}
    volumes = [*spec.get("volumes", []), *({"name": name, "emptyDir": {}} for name in sorted(mounts))]
    metadata = {key: value for key, value in pod["metadata"].items() if key != "name"}
    return {**pod, "metadata": {**metadata, "generateName": "row-"}, "spec": {**spec, "volumes": volumes}}


def verdict(sent: Object, pod: Object) -> str:
    """What the pod tells that came of it."""
    status = pod["metadata"].get("annotations", {}).get("tcp-sniffer/status", "untouched")
    added = _names(pod) - _names(sent)
    assert added == ({"tcp-sniffer"} if status == "injected" else set())
    reason: str = status.split(":")[0]
    return reason


def _names(pod: Object) -> set[str]:
    return {one["name"] for one in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]}
