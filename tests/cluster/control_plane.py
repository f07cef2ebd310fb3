"""etcd, the API server and the controller manager, in a sandbox."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from .binaries import etcd, kubernetes
from .certificates import authority
from .kubectl import Kubectl
from .sandbox import ADDRESS, Sandbox

ETCD = "http://127.0.0.1:2379"
SERVER = f"https://{ADDRESS}:6443"
SERVICES = "10.96.0.0/24"
API_ADDRESS = "10.96.0.1"  # the Service `kubernetes`


class ControlPlane:
    """`kubectl` is an administrator's; `scheduler` is for where a node runs the pods. It ends with its sandbox."""

    def __init__(self, sandbox: Sandbox, *, scheduler: bool = False) -> None:
        self.sandbox = sandbox
        self.address = ADDRESS
        self.files = sandbox.folder / "control-plane"
        self.files.mkdir()
        self.programs = kubernetes(*COMMANDS)
        self.kubeconfig = self._write_credentials()
        self.kubectl = Kubectl(sandbox.run, (str(self.programs["kubectl"]), f"--kubeconfig={self.kubeconfig}"))
        self._start(scheduler)

    def _start(self, scheduler: bool) -> None:
        store = [f"--data-dir={self.files}/etcd", "--unsafe-no-fsync", "--log-level=error"]
        clients = [f"--listen-client-urls={ETCD}", f"--advertise-client-urls={ETCD}"]
        self.sandbox.start("etcd", str(etcd()), *store, *clients, "--listen-peer-urls=http://127.0.0.1:2380")
        server = self.sandbox.start("kube-apiserver", str(self.programs["kube-apiserver"]), *self._server_flags())
        server.await_(self._ready, "the API server is ready")
        self._start_client("kube-controller-manager", *self._account_flags())
        if scheduler:
            self._start_client("kube-scheduler")
        # Made by a controller; pods are refused in a namespace that has none.
        account = ("get", "serviceaccount", "default", "--namespace=default")
        server.await_(lambda: self.kubectl.tried(*account).returncode == 0, "there is a default service account")

    def _start_client(self, name: str, *flags: str) -> None:
        flags = (f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", *flags)
        self.sandbox.start(name, str(self.programs[name]), *flags)

    def _account_flags(self) -> list[str]:
        key = f"--service-account-private-key-file={self.files}/service-accounts.key"
        return [key, f"--root-ca-file={self.files}/ca.pem"]

    def _server_flags(self) -> list[str]:
        return [
            f"--etcd-servers={ETCD}",
            f"--bind-address={ADDRESS}",
            f"--advertise-address={ADDRESS}",
            f"--service-cluster-ip-range={SERVICES}",
            f"--tls-cert-file={self.files}/tls.pem",
            f"--tls-private-key-file={self.files}/tls.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.files}/service-accounts.key",
            f"--service-account-signing-key-file={self.files}/service-accounts.key",
            f"--token-auth-file={self.files}/tokens.csv",
            "--authorization-mode=RBAC",
            "--allow-privileged",
            # A webhook's Service is resolved by its EndpointSlices: there may be no kube-proxy.
            "--enable-aggregator-routing",
            "--kubelet-preferred-address-types=InternalIP",
        ]

    def _write_credentials(self) -> Path:
        authority(self.files, ADDRESS, API_ADDRESS, "kubernetes.default.svc")
        token = secrets.token_hex(16)
        (self.files / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
        user = {"name": "admin", "user": {"token": token}}
        return write_kubeconfig(self.files / "admin.kubeconfig", SERVER, self.files / "ca.pem", user)

    def _ready(self) -> bool:
        return self.kubectl.tried("get", "--raw=/readyz").returncode == 0


COMMANDS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")


def write_kubeconfig(path: Path, server: str, authority_: Path, user: Mapping[str, object]) -> Path:
    """A kubeconfig in JSON, which is YAML too."""
    cluster = {"server": server, "certificate-authority": str(authority_)}
    context = {"cluster": "test", "user": user["name"]}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [user],
        "contexts": [{"name": "test", "context": context}],
        "current-context": "test",
    }
    path.write_text(json.dumps(document, indent=1))
    path.chmod(0o600)
    return path
