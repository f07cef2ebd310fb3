"""Pods of an app's author: labelled or not, with the programs beside this file, run by the image's Python."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from cluster.kubectl import Kubectl, Object
from cluster.sandbox import wait_until

NAMESPACE = "shop"
IMAGE = "docker.io/library/tcp-sniffer:test"
PORT = 8080
COLLECTOR = "10.96.0.40"  # there is no DNS
COLLECTOR_URL = f"http://{COLLECTOR}:{PORT}/records"
TO_COLLECTOR = {"output-url": COLLECTOR_URL, "allow-insecure-output-url": "true"}
# A server that answers its readiness probe each second: not ready would show at once.
READINESS = {
    "httpGet": {"path": "/ready", "port": PORT},
    "periodSeconds": 1,
    "timeoutSeconds": 5,
    "failureThreshold": 1,
}


def container(*command: str, **more: Any) -> Object:
    return {
        "name": "app",
        "image": IMAGE,
        "command": ["python3", *command],
        "volumeMounts": [{"name": "programs", "mountPath": "/programs"}],
        **more,
    }


def server(*ports: int) -> Object:
    declared = [{"containerPort": port} for port in ports]
    return container("/programs/server.py", *map(str, ports), ports=declared, readinessProbe=READINESS)


def template(
    name: str,
    one: Object,
    *,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> Object:
    """What a Deployment or a Job makes pods from. `annotations` are without `tcp-sniffer/`."""
    return {
        "metadata": {
            "labels": {"app": name, **(labels or {})},
            "annotations": {f"tcp-sniffer/{key}": text for key, text in (annotations or {}).items()},
        },
        "spec": {
            "containers": [one],
            "volumes": [{"name": "programs", "configMap": {"name": "programs"}}],
            "terminationGracePeriodSeconds": 10,
            **spec,
        },
    }


LABELLED = {"tcp-sniffer/inject": "true"}


@dataclass(frozen=True)
class Pod:
    """One running pod of an app."""

    kubectl: Kubectl
    name: str

    def get(self) -> Any:
        return self.kubectl.get("pod", self.name)

    @property
    def address(self) -> str:
        found: str = self.get()["status"]["podIP"]
        return found

    def status(self, name: str) -> Any:
        """Of one of its containers, init containers too."""
        status = self.get()["status"]
        every = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
        return next(one for one in every if one["name"] == name)

    @property
    def is_ready(self) -> bool:
        conditions = self.get()["status"].get("conditions", [])
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def execute(self, one: str, *command: str) -> str:
        return self.kubectl("exec", self.name, "-c", one, "--", *command)

    def lines(self) -> list[Any]:
        """What the sidecar wrote, each line by itself: one that is no JSON fails here."""
        return [json.loads(line) for line in self.kubectl("logs", self.name, "-c", "tcp-sniffer").splitlines()]

    def records(self) -> list[Any]:
        return [line for line in self.lines() if "direction" in line]


@dataclass(frozen=True)
class Apps:
    kubectl: Kubectl

    def deploy(self, name: str, one: Object, *, labels: dict[str, str] = LABELLED, **pod: Any) -> Pod:
        """A Deployment of one pod, which is ready when this returns."""
        self.kubectl.apply(deployment(name, one, labels=labels, **pod))
        return self.rolled_out(name)

    def rolled_out(self, name: str) -> Pod:
        self.kubectl("rollout", "status", f"deployment/{name}", "--timeout=120s", timeout=150)
        wait_until(lambda: len(self._pods(name)) == 1, f"of {name} one pod remains")
        return Pod(self.kubectl, self._pods(name)[0])

    def _pods(self, name: str) -> list[str]:
        return [one["metadata"]["name"] for one in self.kubectl.items("pods", f"--selector=app={name}")]


def deployment(name: str, one: Object, **pod: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, one, **pod),
        },
    }


def job(name: str, one: Object, **pod: Any) -> Object:
    body = template(name, one, restartPolicy="Never", **pod)
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": body}}


@dataclass(frozen=True)
class Client:
    """A pod that is not sniffed, from which requests are sent."""

    pod: Pod

    def ask(
        self, address: str, path: str = "/hello", *, count: int = 0, seconds: float = 0
    ) -> tuple[list[str], list[str]]:
        """The targets that were answered, and those that were not, with why: see programs/client.py."""
        program = ("python3", "/programs/client.py", address, path, str(count), str(seconds))
        told = json.loads(self.pod.execute("app", *program))
        return told["answered"], told["failed"]


@dataclass(frozen=True)
class Collector:
    pod: Pod

    def records(self) -> list[Any]:
        program = f"import urllib.request as u;print(u.urlopen('http://127.0.0.1:{PORT}/records').read().decode())"
        return [json.loads(line) for line in self.pod.execute("app", "python3", "-c", program).splitlines() if line]


def responses(records: list[Any]) -> set[str]:
    """The targets of the requests that they answer."""
    return {record["request"]["path"] for record in records if "statusCode" in record and "request" in record}


def requests(records: list[Any]) -> set[str]:
    return {record["path"] for record in records if "method" in record}
