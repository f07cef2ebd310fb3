"""A cluster of the user's, which TCP_SNIFFER_TEST_KUBECONFIG names: its current context's user is an administrator.

Its API server must reach the webhook, which runs on this machine: at the address that leads to the API server, or at
TCP_SNIFFER_TEST_ADDRESS. Nothing of the tests stays in it.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
from pathlib import Path
from urllib.parse import urlsplit

from .binaries import kubernetes
from .control_plane import ControlPlane
from .injector import NAME, NAMESPACE, OVERLAY
from .kubectl import Kubectl
from .sandbox import Machine

KUBECONFIG = os.environ.get("TCP_SNIFFER_TEST_KUBECONFIG")
# On every namespace that the tests make.
LABEL = "tcp-sniffer-tests"


class UsersCluster:
    """What the tests need of one, as ControlPlane gives it."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig.resolve(strict=True)
        self.sandbox = Machine()
        self.files = self.sandbox.folder
        self.kubectl = Kubectl(self.sandbox.run, (_kubectl(), f"--kubeconfig={self.kubeconfig}"))
        try:
            self.address = os.environ.get("TCP_SNIFFER_TEST_ADDRESS") or self._address()
            self._refuse_an_installation()
        except BaseException:
            self.sandbox.stop()
            raise

    def stop(self) -> None:
        self.kubectl("delete", "-k", OVERLAY, "--ignore-not-found", timeout=300)
        self.kubectl("delete", "namespace", f"--selector={LABEL}", timeout=300)
        self.sandbox.stop()

    def _address(self) -> str:
        view = self.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
        server = urlsplit(view)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
            route.connect((server.hostname, server.port or 443))  # sends nothing
            address: str = route.getsockname()[0]
        if ipaddress.ip_address(address).is_loopback:
            # https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
            raise RuntimeError(f"TCP_SNIFFER_TEST_ADDRESS: expected an address of this machine that {view} reaches and"
                               " that is not loopback: endpoints of a Service may not be")  # fmt: skip
        return address

    def _refuse_an_installation(self) -> None:
        found = self.kubectl.tried("get", f"namespace/{NAMESPACE}", f"mutatingwebhookconfiguration/{NAME}", "-o=name")
        if found.stdout:
            raise RuntimeError(
                f"{self.kubeconfig}: expected a cluster without the webhook, which the tests install and remove;"
                f" it has {' and '.join(found.stdout.split())}"
            )


Cluster = ControlPlane | UsersCluster


def _kubectl() -> str:
    return shutil.which("kubectl") or str(kubernetes("kubectl")["kubectl"])
