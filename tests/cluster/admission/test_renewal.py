"""Certificates and their authority change while pods are created all the time, and nobody notices."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.injector import NAME, NAMESPACE, PORT, ROOT, Injector, endpoints
from cluster.kubectl import Kubectl
from cluster.sandbox import wait_until
from cluster.users import Cluster
from conftest import MakeNamespace
from test_failure_policy import is_reviewed, set_policy

RATE = 50  # pods/s
# A certificate is renewed at two thirds of its life, an authority too.
SHORT = ("--certificate-lifetime=20s", "--authority-lifetime=80s")


@pytest.fixture
def replicas(cluster: Cluster, kubectl: Kubectl, injector: Injector) -> Iterator[list[Injector]]:
    """Two, in place of the one, with certificates that live for seconds; what they do not answer is refused."""
    injector.stop()
    forget_certificates(kubectl)
    started = [Injector(cluster, port, *SHORT) for port in (PORT, PORT + 1)]
    kubectl.apply(endpoints(cluster.address, PORT + 1))
    # The other's turn comes with the next connection.
    wait_until(lambda: any(is_reviewed(kubectl, one) for one in started), "a replica is asked")
    set_policy(kubectl, "Fail")
    yield started
    set_policy(kubectl, "Ignore")
    kubectl.of(NAMESPACE)("delete", "endpointslice", f"{NAME}-{PORT + 1}")
    for one in started:
        one.stop()
    forget_certificates(kubectl)
    injector.start()
    wait_until(lambda: is_reviewed(kubectl, injector), "the webhook is asked again")


def forget_certificates(kubectl: Kubectl) -> None:
    kubectl.of(NAMESPACE)("patch", f"secret/{NAME}-tls", "--type=merge", '--patch={"data": null}')


def test_no_pod_fails(replicas: list[Injector], cluster: Cluster, namespace: MakeNamespace) -> None:
    own = namespace(fresh=True)
    name = own.command[-1].removeprefix("--namespace=")
    program = [sys.executable, str(Path(__file__).with_name("rollout.py"))]
    rollout = cluster.sandbox.start("rollout", *program, str(cluster.kubeconfig), name, str(RATE), PYTHONPATH=str(ROOT))
    rollout.await_(lambda: "creating" in rollout.output(), "pods are created")
    reviews = {one: one.reviews() for one in replicas}

    def await_another(event: str, among: list[Injector]) -> None:
        times = count(event, among)
        rollout.await_(lambda: count(event, among) > times, f"another {event}")

    await_another("certificate_made", replicas)
    await_another("authority_made", replicas)
    # The new authority's, which each of them serves in the end.
    await_another("certificate_made", replicas)
    for one in replicas:
        await_another("certificate_loaded", [one])
    # The API server chooses one of them for each connection that it opens.
    rollout.await_(lambda: all(one.reviews() > reviews[one] for one in replicas), "both are asked")
    rollout.signal(signal.SIGTERM)
    assert rollout.ended() == 0, rollout.output()
    outcome = json.loads(rollout.output().splitlines()[-1])
    assert (outcome["failures"], outcome["bare"]) == ([], 0)
    assert outcome["created"] > 1000


def count(event: str, replicas: list[Injector]) -> int:
    return sum(one.output().count(f'"{event}"') for one in replicas)
