"""The overlay whose Job makes the certificates: its account may, the server's may not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cluster.injector import NAME, NAMESPACE, ROOT, Injector, install
from cluster.kubectl import Kubectl
from cluster.sandbox import wait_until
from rights import CERTIFICATE_RIGHTS, CERTIFICATES, LOOKUPS, change, granted, rules, take
from test_renewal import forget_certificates

pytestmark = pytest.mark.usefixtures("serving_again")
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
    assert granted(own, JOB) == CERTIFICATES
    assert granted(own, NAME) == LOOKUPS


def test_each_of_its_rights_is_used(own: Kubectl, installed: Injector) -> None:
    def fails() -> bool:
        # Something to do for it: without certificates both objects have to be written.
        forget_certificates(own)
        return installed.certificates(JOB) == 1

    for role, verb in CERTIFICATE_RIGHTS:
        every = rules(own, role)
        take(own, role, verb)
        wait_until(fails, f"{verb} is missed")
        change(own, role, every)
        wait_until(lambda: installed.certificates(JOB) == 0, "they are made again")
