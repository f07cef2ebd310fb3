"""The webhook as a process on this machine, in place of its Deployment's pods."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from .kubectl import Kubectl, Object
from .sandbox import Daemon, wait_until

if TYPE_CHECKING:
    from .users import Cluster

NAME = "tcp-sniffer-webhook"
NAMESPACE = "tcp-sniffer"
ROOT = Path(__file__).parents[2]
OVERLAY = str(ROOT / "config" / "overlays" / "self-signed")
PORT = 8443


def endpoints(address: str, port: int) -> Object:
    """The Service's, beside those that its own pods would be if they ran."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{NAME}-{port}",
            "namespace": NAMESPACE,
            "labels": {"kubernetes.io/service-name": NAME},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port}],
    }


class Injector:
    """One replica, with the rights of the Deployment's service account and no others."""

    def __init__(self, cluster: Cluster, port: int = PORT, *options: str) -> None:
        self.port = port
        self._cluster = cluster
        self._options = options
        self._settings = cluster.files / f"settings-{port}.yaml"
        self._kubeconfig = cluster.files / f"injector-{port}.kubeconfig"
        self._installed = _settings_of(cluster.kubectl)
        self._write(self._installed)
        self.start()

    def start(self) -> None:
        """And waits until the API server may trust it."""
        self._write_kubeconfig(self._kubeconfig, NAME)
        program = [sys.executable, "-m", "webhook", "serve", "--manage-certificates", f"--namespace={NAMESPACE}"]
        files = [f"--settings={self._settings}", f"--kubeconfig={self._kubeconfig}"]
        listen = f"--listen={self._cluster.address}:{self.port}"
        environment = {"PYTHONPATH": str(ROOT)}
        self._daemon: Daemon = self._cluster.sandbox.start(
            f"injector-{self.port}", *program, *files, listen, "--drain=1s", *self._options, **environment
        )
        self._daemon.await_(lambda: self._said("listening") and self._said("certificate_loaded"), "the webhook serves")

    def stop(self) -> None:
        self._daemon.stop()
        self._daemon.log.unlink()

    def kill(self) -> None:
        self._daemon.kill()
        self._daemon.log.unlink()

    def use(self, **settings: object) -> None:
        """Its settings from now on, beside those of config/; without any, just those. Waits until they hold."""
        before = self._daemon.output().count('"settings_loaded"')
        if self._write({**self._installed, **settings}):
            self._daemon.await_(
                lambda: self._daemon.output().count('"settings_loaded"') > before, "the settings are loaded"
            )

    def certificates(self, account: str = NAME) -> int:
        """The exit code of one pass of `tcp-sniffer-webhook certificates`, with that service account's rights."""
        return self.run(account, "-m", "webhook", "certificates").returncode

    def run(self, account: str, *program: str) -> subprocess.CompletedProcess[str]:
        """Runs what Python is to, with a last argument `--kubeconfig=FILE` that has that service account's rights."""
        kubeconfig = self._cluster.files / f"{account}.kubeconfig"
        self._write_kubeconfig(kubeconfig, account)
        command = [sys.executable, *program, f"--kubeconfig={kubeconfig}"]
        return self._cluster.sandbox.run("env", f"PYTHONPATH={ROOT}", *command, check=False)

    def reviews(self) -> int:
        """How many it has answered."""
        counts = re.findall(r"^tcp_sniffer_webhook_reviews_total\{.*\} (\S+)$", self.get("/metrics"), re.MULTILINE)
        return sum(int(float(count)) for count in counts)

    def get(self, path: str) -> str:
        fetch = ("curl", "-sSk", "--max-time", "10", f"https://{self._cluster.address}:{self.port}{path}")
        return self._cluster.sandbox.run(*fetch).stdout

    def output(self) -> str:
        return self._daemon.output()

    def _said(self, event: str) -> bool:
        return f'"event": "{event}"' in self._daemon.output()

    def _write(self, settings: Any) -> bool:
        text = json.dumps(settings)
        changed = not self._settings.exists() or self._settings.read_text() != text
        self._settings.write_text(text)
        return changed

    def _write_kubeconfig(self, path: Path, account: str) -> None:
        token = self._cluster.kubectl("create", "token", account, f"--namespace={NAMESPACE}").strip()
        view = ("config", "view", "--minify", "--flatten", "--raw", "-o", "json")
        access = json.loads(self._cluster.kubectl(*view))
        access["users"] = [{"name": user["name"], "user": {"token": token}} for user in access["users"]]
        path.write_text(json.dumps(access))
        path.chmod(0o600)


def install(kubectl: Kubectl, overlay: str = OVERLAY) -> None:
    kubectl("apply", "-k", overlay)
    account = ("get", "serviceaccount", NAME, f"--namespace={NAMESPACE}")
    wait_until(lambda: kubectl.tried(*account).returncode == 0, "the service account is there")


def deploy(kubectl: Kubectl, folder: Path, sidecar: str, webhook: str) -> None:
    """config/ with these images, described in a new folder; its replicas are ready and the API server asks them."""
    install(kubectl, str(overlay(folder, sidecar, webhook)))
    kubectl.of(NAMESPACE)("rollout", "status", f"deployment/{NAME}", "--timeout=240s", timeout=260)
    labelled = {"name": "first", "namespace": "default", "labels": {"tcp-sniffer/inject": "true"}}
    app = {"name": "app", "image": "app", "ports": [{"containerPort": 80}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": labelled, "spec": {"containers": [app]}}
    wait_until(
        lambda: "initContainers" in kubectl.create(pod, "--dry-run=server")["spec"], "a labelled pod gets the sidecar"
    )


def overlay(folder: Path, sidecar: str, webhook: str) -> Path:
    """config/ as somebody installs it who has images of his own; the folder."""
    folder.mkdir()
    settings = {"settings.yaml": json.dumps({"image": sidecar})}
    patch = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "data": settings,
    }
    name, tag = webhook.split(":")
    content = {
        # Kustomize takes a folder by its path from here alone.
        "resources": [os.path.relpath(OVERLAY, folder)],
        "images": [{"name": name, "newTag": tag}],
        "patches": [{"patch": json.dumps(patch)}],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(content))
    return folder


def _settings_of(kubectl: Kubectl) -> dict[str, Any]:
    text = kubectl.of(NAMESPACE).get("configmap", NAME)["data"]["settings.yaml"]
    found: dict[str, Any] = yaml.safe_load(text)
    return found
