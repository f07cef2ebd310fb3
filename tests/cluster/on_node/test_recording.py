"""The recording on a volume of the pod's own and on a claim that stays, and who may read it."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from apps import LABELLED, NAMESPACE, PORT, Apps, Client, Pod, container, deployment, server
from cluster.kubectl import Kubectl, Object
from cluster.node import Node
from cluster.sandbox import wait_until

READERS = Path(__file__).parents[3] / "config" / "components" / "recording-readers" / "role.yaml"
READER = f"--as=system:serviceaccount:{NAMESPACE}:reader"
RECORDING = {"recording": "true", "output-stdout": "true"}


@pytest.fixture
def volumes(administrator: Kubectl, node: Node) -> Iterator[None]:
    """Folders of the node, given out as there is no provisioner."""
    names = [f"folder-{uuid4().hex[:8]}" for _ in range(2)]
    for name in names:
        spec = {"capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "folders"}
        folder = {"hostPath": {"path": str(node.control_plane.files / name), "type": "DirectoryOrCreate"}}
        administrator.create(
            {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {**spec, **folder}}
        )
    yield
    administrator("delete", "persistentvolume", *names, "--timeout=60s")


@pytest.fixture
def claim(kubectl: Kubectl, volumes: None) -> Iterator[str]:  # noqa: ARG001 one of them is claimed
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "folders"}
    asked = {"resources": {"requests": {"storage": "1Gi"}}}
    name = f"evidence-{uuid4().hex[:8]}"
    kubectl.create(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name},
            "spec": {**spec, **asked},
        }
    )
    yield name
    # It stays until the last pod that mounted it has ended.
    kubectl("delete", "persistentvolumeclaim", name, "--timeout=60s")


def path_of(pod: Pod) -> str:
    """Where the pod's annotation says that its file is."""
    paths: dict[str, str] = json.loads(pod.get()["metadata"]["annotations"]["tcp-sniffer/capture-files"])
    assert paths.keys() == {"app"}
    return paths["app"].replace("$(POD_NAME)", pod.name)


def claims_of(pod: Pod) -> list[Object]:
    """Those that were made for it, and end with it."""

    def is_its_own(claim: Object) -> bool:
        return any(owner["name"] == pod.name for owner in claim["metadata"].get("ownerReferences", []))

    return [claim for claim in pod.kubectl.items("persistentvolumeclaims") if is_its_own(claim)]


def await_packets(pod: Pod, of: str) -> None:
    """Until the file that is written now holds them."""
    look = f"grep --count --text {of} {path_of(pod)} || true"
    wait_until(lambda: int(pod.execute("tcp-sniffer", "sh", "-c", look)) > 0, "the packets are in the file")


def test_on_a_claim_it_outlives_the_pod(apps: Apps, client: Client, claim: str, kubectl: Kubectl) -> None:
    pod = apps.deploy("kept", server(PORT), annotations={**RECORDING, "recording-claim": claim})
    client.ask(f"{pod.address}:{PORT}", "/hello?of=evidence", count=3)
    wait_until(lambda: len(pod.records()) >= 6, "the messages are in the log")
    assert all(record["pcap"][0]["firstFrame"] >= 1 for record in pod.records())
    await_packets(pod, "of=evidence")
    # Large answers, with the default resources.
    client.ask(f"{pod.address}:{PORT}", "/big?20000000", count=5)
    assert pod.status("tcp-sniffer")["restartCount"] == 0
    kubectl("delete", "deployment", "kept")
    kubectl("wait", "--for=delete", f"pod/{pod.name}", "--timeout=60s")
    mount: Object = {"name": "evidence", "mountPath": "/evidence"}
    volume = {"name": "evidence", "persistentVolumeClaim": {"claimName": claim}}
    finder = apps.deploy("finder", container("-c", "import signal; signal.pause()") | {"volumeMounts": [mount]},
                         labels={}, volumes=[volume])  # fmt: skip
    listed = finder.execute("app", "tcp-sniffer", "recordings", "list", f"/evidence/{pod.name}")
    assert f"{pod.name}.pcap" in listed
    assert finder.execute("app", "tcp-sniffer", "recordings", "verify", f"/evidence/{pod.name}") == ""
    kubectl("delete", "deployment", "finder")


def test_the_namespaces_claim_is_used_where_it_is_there(kubectl: Kubectl) -> None:
    """Found by its name alone; nothing is written, so it needs no volume."""
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": {"requests": {"storage": "1Gi"}}}
    named = {"metadata": {"name": "tcp-sniffer-captures"}}
    template = deployment("any", server(PORT), labels=LABELLED, annotations=RECORDING)["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {**template["metadata"], "name": "any"}}

    def volume() -> Object:
        made = kubectl.create(pod, "--dry-run=server")
        found: Object = next(one for one in made["spec"]["volumes"] if one["name"] == "tcp-sniffer-captures")
        return found

    assert "ephemeral" in volume()
    kubectl.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", **named, "spec": spec})
    try:
        # What the webhook has seen of a namespace it remembers for some seconds.
        wait_until(lambda: "persistentVolumeClaim" in volume(), "the claim is used")
        assert volume()["persistentVolumeClaim"] == {"claimName": "tcp-sniffer-captures"}
    finally:
        kubectl("delete", "persistentvolumeclaim", "tcp-sniffer-captures")


@pytest.mark.usefixtures("volumes")
def test_without_a_claim_the_creator_is_warned_and_the_volume_ends_with_the_pod(
    apps: Apps, client: Client, kubectl: Kubectl
) -> None:
    annotations = {**RECORDING, "recording-size": "100Mi", "recording-storage-class": "folders"}
    template = deployment("own", server(PORT), labels=LABELLED, annotations=annotations)["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {**template["metadata"], "name": "own"}}

    def warned() -> bool:
        told = kubectl.tried("create", "-f", "-", "--dry-run=server", manifest=json.dumps(pod))
        return "deleted with the pod" in told.stderr

    # The claim that another test made is remembered for some seconds.
    wait_until(warned, "the creator is warned")
    running = apps.deploy("own", server(PORT), annotations=annotations)
    client.ask(f"{running.address}:{PORT}", "/hello?of=own", count=1)
    await_packets(running, "of=own")
    assert len(claims_of(running)) == 1
    kubectl("delete", "deployment", "own")
    wait_until(lambda: claims_of(running) == [], "the volume's claim is gone")


def test_who_may_read_it(apps: Apps, client: Client, claim: str, kubectl: Kubectl) -> None:
    """The documented line, as somebody who has the Role and as somebody who has not."""
    pod = apps.deploy("read", server(PORT), annotations={**RECORDING, "recording-claim": claim})
    client.ask(f"{pod.address}:{PORT}", "/hello?of=read", count=1)
    await_packets(pod, "of=read")

    def taken() -> subprocess.CompletedProcess[str]:
        line = (
            *kubectl.command,
            READER,
            "exec",
            pod.name,
            *["-c", "tcp-sniffer", "--", "tar", "-C", "/captures", "-cf", "-", "."],
        )
        return kubectl.run("bash", "-o", "pipefail", "-c", f"{shlex.join(line)} | tar -tf -", check=False)

    assert "(Forbidden)" in taken().stderr
    kubectl("create", "serviceaccount", "reader")
    kubectl("apply", "-f", str(READERS))
    role = ("--role=tcp-sniffer-recording-readers", f"--serviceaccount={NAMESPACE}:reader")
    kubectl("create", "rolebinding", "recording-readers", *role)
    wait_until(lambda: f"{pod.name}.pcap" in taken().stdout, "the reader gets the file")
    kubectl("delete", "deployment", "read")
    kubectl("wait", "--for=delete", f"pod/{pod.name}", "--timeout=60s")
