"""The overlay whose Job makes the certificates: its account may, the server's may not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cluster.injector import NAME, NAMESPACE, ROOT, Injector, install
from cluster.kubectl import Kubectl
from cluster.sandbox import wait_until

OVERLAY = str(ROOT / "config" / "overlays" / "certificates-job")
JOB = f"{NAME}-certificates"


@pytest.fixture
def own(kubectl: Kubectl, installed: Injector) -> Iterator[Kubectl]:
    """kubectl in the webhook's namespace, where the overlay stands for a while in place of the other."""
    install(kubectl, OVERLAY)
    own = kubectl.of(NAMESPACE)
    yield own
    own("delete", f"job/{JOB}", f"cronjob/{JOB}", f"serviceaccount/{JOB}")
    install(kubectl)
    wait_until(lambda: installed.certificates() == 0, "the server may keep them again")


def test_its_account_alone_has_the_rights(own: Kubectl, installed: Injector) -> None:
    # Pod Security `restricted` holds there: the pod is let in.
    wait_until(lambda: own.items("pods", f"--selector=job-name={JOB}") != [], "the Job has a pod")
    wait_until(lambda: installed.certificates() == 1, "the server's account may no longer")
    wait_until(lambda: installed.certificates(JOB) == 0, "the Job's account may")
