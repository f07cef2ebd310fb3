"""Pods as controllers make them, and namespaces that bound what pods may have."""

from __future__ import annotations

from typing import Any

import pytest
from cluster.injector import Injector
from cluster.kubectl import Object
from cluster.sandbox import wait_until
from conftest import MakeNamespace
from pods import pod

LABELS = {"app": "made", "tcp-sniffer/inject": "true"}

# The daemon set's controller wants a node that is there and ready.
pytestmark = pytest.mark.usefixtures("injector", "node")


def template(**spec: Any) -> Object:
    return {"metadata": {"labels": LABELS}, "spec": {**pod()["spec"], **spec}}


def workload(api_version: str, kind: str, spec: Object) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "made"}, "spec": spec}


SELECTED = {"selector": {"matchLabels": {"app": "made"}}, "template": template()}
JOB = {"template": template(restartPolicy="Never")}
WORKLOADS = [
    workload("apps/v1", "Deployment", SELECTED),
    workload("apps/v1", "StatefulSet", {**SELECTED, "serviceName": "made"}),
    workload("apps/v1", "DaemonSet", SELECTED),
    workload("batch/v1", "Job", JOB),
    workload("batch/v1", "CronJob", {"schedule": "* * * * *", "jobTemplate": {"spec": JOB}}),
]


@pytest.mark.parametrize("made", WORKLOADS, ids=lambda one: one["kind"])
def test_its_pods_get_the_sidecar(made: Object, namespace: MakeNamespace) -> None:
    own = namespace(fresh=True)
    own.create(made)
    if made["kind"] == "CronJob":
        own("create", "job", "now", "--from=cronjob/made")
    wait_until(lambda: own.items("pods") != [], "the controller has made a pod")
    created = own.items("pods")[0]
    sidecar = created["spec"]["initContainers"][0]
    assert (sidecar["name"], sidecar["restartPolicy"]) == ("tcp-sniffer", "Always")
    assert created["metadata"]["annotations"]["tcp-sniffer/status"] == "injected"
    own("delete", made["kind"], "made", "--wait=false")


def test_quota(namespace: MakeNamespace) -> None:
    """The sidecar counts: a pod that would just fit alone is refused, by the API server, and told why."""
    own = namespace(fresh=True)
    hard = {"limits.cpu": "120m", "limits.memory": "1Gi"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": hard}}
    own.create(quota)
    wait_until(lambda: "hard" in own.get("quota", "small").get("status", {}), "the quota is counted")
    resources = {"limits": {"cpu": "100m", "memory": "64Mi"}}
    app = {"metadata": {"generateName": "q-"}, "spec": pod(container={"resources": resources})["spec"]}
    bare = {"apiVersion": "v1", "kind": "Pod", **app}
    labelled = {**bare, "metadata": {"generateName": "q-", "labels": LABELS}}
    refused = own.tried("create", "-f", "-", manifest=labelled)
    assert refused.returncode == 1
    assert "exceeded quota: small" in refused.stderr
    smaller = {"annotations": {"tcp-sniffer/cpu-limit": "20m", "tcp-sniffer/cpu-request": "10m"}}
    fitting = own.create({**labelled, "metadata": {**labelled["metadata"], **smaller}})
    assert fitting["spec"]["initContainers"][0]["resources"]["limits"]["cpu"] == "20m"


def test_limit_range(namespace: MakeNamespace) -> None:
    """Its defaults are the app's; the sidecar has its own."""
    own = namespace(fresh=True)
    limit = {"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}, "max": {"cpu": "2", "memory": "2Gi"}}
    rules = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "usual"}, "spec": {"limits": [limit]}}
    own.create(rules)
    created = own.create({**pod(), "metadata": {"generateName": "l-", "labels": LABELS}})
    assert created["spec"]["initContainers"][0]["resources"]["limits"] == {"cpu": "100m", "memory": "128Mi"}
    assert created["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}


def test_generated_names_are_logged(namespace: MakeNamespace, injector: Injector) -> None:
    namespace().create({**pod(), "metadata": {"generateName": "told-", "labels": LABELS}})
    assert '"pod": "told-*"' in injector.output()
