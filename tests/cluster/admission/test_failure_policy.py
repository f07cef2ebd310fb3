"""The webhook is dead, hangs, answers garbage, or its certificate has expired: with Ignore pods start, with Fail the
refusal names whom to ask."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import issued
import pytest
from cluster.injector import NAME, PORT, Injector
from cluster.kubectl import Kubectl
from cluster.sandbox import wait_until
from cluster.users import Cluster
from conftest import MakeNamespace
from pods import pod

STAND_IN = Path(__file__).with_name("stand_in.py")
LABELLED = {**pod(), "metadata": {"generateName": "labelled-", "labels": {"tcp-sniffer/inject": "true"}}}
UNLABELLED = {**pod(), "metadata": {"generateName": "unlabelled-"}}


@pytest.fixture(params=["dead", "hanging", "garbage", "expired"])
def broken(request: pytest.FixtureRequest, cluster: Cluster, injector: Injector) -> Iterator[str]:
    """Behind the Service stands something else than the webhook, or nothing."""
    kubectl, failure = cluster.kubectl, request.param
    pem = cluster.files / f"{failure}.pem"
    issued.write(kubectl, pem, expires=timedelta(minutes=-1 if failure == "expired" else 10))
    injector.stop()
    if failure == "dead":
        yield failure
    else:
        daemon = cluster.sandbox.start(
            failure, sys.executable, str(STAND_IN), cluster.address, str(PORT), str(pem), failure
        )
        daemon.await_(lambda: "listening" in daemon.output(), "the stand-in listens")
        yield failure
        daemon.kill()
    set_policy(kubectl, "Ignore")
    injector.start()
    wait_until(lambda: is_reviewed(kubectl, injector), "the webhook is asked again")


def test_failure(broken: str, namespace: MakeNamespace, kubectl: Kubectl) -> None:
    own = namespace()
    assert "initContainers" not in own.create(LABELLED)["spec"], f"{broken}: the pod starts as it is"
    set_policy(kubectl, "Fail")
    wait_until(lambda: own.tried("create", "-f", "-", manifest=LABELLED).returncode == 1, "the pod is refused")
    refused = own.tried("create", "-f", "-", manifest=LABELLED)
    # The API server's own words; the name is all that they have in common.
    assert 'failed calling webhook "pod.tcp-sniffer.dev"' in refused.stderr
    own.create(UNLABELLED)


def is_reviewed(kubectl: Kubectl, injector: Injector) -> bool:
    before = injector.reviews()
    kubectl.create(LABELLED, "--dry-run=server")
    return injector.reviews() > before


def set_policy(kubectl: Kubectl, policy: str) -> None:
    each = [{"op": "replace", "path": f"/webhooks/{number}/failurePolicy", "value": policy} for number in (0, 1)]
    kubectl("patch", "mutatingwebhookconfiguration", NAME, "--type=json", f"--patch={json.dumps(each)}")
