"""Whatever becomes of the sidecar: the app answers every request, and its pod stays ready."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apps import LABELLED, PORT, Apps, Client, Pod, deployment, server
from cluster.images import BROKEN
from cluster.kubectl import Kubectl
from cluster.node import Node
from cluster.sandbox import wait_until

ANSWERS = 200
# What the container's first process says of its child.
SNIFFER_KILLED = '"event": "sniffer_ended", "signal": 9'


@contextmanager
def undisturbed(client: Client, pod: Pod, *, restarts: bool = False) -> Iterator[None]:
    """While the block runs, and for ten seconds at least, requests are sent and the pod is watched.

    `restarts`: the sidecar's container ends. Then the kubelet calls the pod not ready until it runs again, whatever the
    sidecar is and says: a pod is ready when all of its containers are.
    """
    with ThreadPoolExecutor(2) as threads:
        asked = threads.submit(client.ask, f"{pod.address}:{PORT}", seconds=10)
        watched = threads.submit(lambda: [pod.is_ready for _ in iter(asked.done, True)])
        yield
        answered, failed = asked.result()
    assert failed == []
    assert len(answered) >= ANSWERS
    assert restarts or set(watched.result()) == {True}, "the pod was ready throughout"
    wait_until(lambda: pod.is_ready, "the pod is ready")
    assert pod.status("app")["restartCount"] == 0


def log(pod: Pod, *options: str) -> str:
    return pod.kubectl("logs", pod.name, "-c", "tcp-sniffer", *options)


def test_the_sniffer_is_killed(apps: Apps, client: Client) -> None:
    pod = apps.deploy("killed", server(PORT))
    with undisturbed(client, pod):
        # The first process's child; it can't be reached by a number that is known beforehand.
        pod.execute("tcp-sniffer", "sh", "-c", "kill -9 $(cat /proc/1/task/1/children)")
        wait_until(lambda: SNIFFER_KILLED in log(pod), "the log says so")

    def hears_again() -> bool:
        client.ask(f"{pod.address}:{PORT}", "/hello?of=again", count=1)
        return "/hello?of=again" in log(pod)

    wait_until(hears_again, "it hears again")


def test_the_first_process_is_small(apps: Apps) -> None:
    """It is paid for in each pod, beside the sniffer."""
    pod = apps.deploy("small", server(PORT))
    (resident,) = re.findall(r"VmRSS:\s+(\d+) kB", pod.execute("tcp-sniffer", "cat", "/proc/1/status"))
    assert int(resident) < 4096


def test_its_container_is_killed(apps: Apps, client: Client, node: Node) -> None:
    pod = apps.deploy("ended", server(PORT))
    with undisturbed(client, pod, restarts=True):
        node.kill(pod.status("tcp-sniffer")["containerID"])
        wait_until(lambda: pod.status("tcp-sniffer")["restartCount"] > 0, "the sidecar is started again")
    wait_until(lambda: pod.records() != [], "and hears again")


def test_it_is_out_of_memory(apps: Apps, client: Client) -> None:
    greedy = {"memory-limit": "64Mi", "max-memory": str(1 << 30), "max-body-size": str(1 << 28)}
    pod = apps.deploy("starved", server(PORT), annotations={**greedy, "max-record-size": str(1 << 29)})
    # Under cgroup v2 the kubelet has the kernel end a container as a whole (memory.oom.group).
    as_a_whole = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    with undisturbed(client, pod, restarts=as_a_whole):
        client.ask(f"{pod.address}:{PORT}", "/big?100000000", count=4)
        wait_until(lambda: _was_out_of_memory(pod), "the sidecar was out of memory")


def _was_out_of_memory(pod: Pod) -> bool:
    ended = pod.status("tcp-sniffer")["lastState"].get("terminated", {})
    return ended.get("reason") == "OOMKilled" or SNIFFER_KILLED in log(pod)


def test_its_configuration_is_wrong(apps: Apps, client: Client, kubectl: Kubectl) -> None:
    """The webhook reads no other ConfigMap than its own: the sidecar finds the mistake."""
    kubectl("create", "configmap", "wrong", "--from-literal=sniffer.yaml=sampleRate: 2")
    pod = apps.deploy("misconfigured", server(PORT), annotations={"config-map": "wrong"})
    wait_until(lambda: "sampleRate" in log(pod), "the log names the field")
    with undisturbed(client, pod):
        pass


def test_it_may_not_capture(client: Client, kubectl: Kubectl) -> None:
    """Without NET_RAW, as where the runtime takes it away: what the webhook made, less the capability."""
    made = kubectl.create(deployment("forbidden", server(PORT), labels=LABELLED), "--dry-run=server")
    template = made["spec"]["template"]
    reviewed = kubectl.create({"apiVersion": "v1", "kind": "Pod", **template} | _named(template), "--dry-run=server")
    sidecar = next(one for one in reviewed["spec"]["initContainers"] if one["name"] == "tcp-sniffer")
    del sidecar["securityContext"]["capabilities"]["add"]
    reviewed["metadata"] = {key: reviewed["metadata"][key] for key in ("name", "labels", "annotations")}
    kubectl.create(reviewed)
    kubectl("wait", "--for=condition=ready", "pod/forbidden", "--timeout=120s", timeout=150)
    pod = Pod(kubectl, "forbidden")
    wait_until(lambda: "NET_RAW" in log(pod), "the log says what is missing")
    with undisturbed(client, pod):
        pass


def _named(template: Any) -> dict[str, Any]:
    return {"metadata": {**template["metadata"], "name": "forbidden"}}


def test_its_library_is_broken(apps: Apps, client: Client) -> None:
    pod = apps.deploy("broken", server(PORT), annotations={"image": f"docker.io/library/{BROKEN}"})
    wait_until(lambda: "libsniffer.so" in log(pod), "the log names the library")
    with undisturbed(client, pod):
        pass


def test_it_has_a_hundredth_of_a_cpu(apps: Apps, client: Client) -> None:
    pod = apps.deploy("throttled", server(PORT), annotations={"cpu-request": "10m", "cpu-limit": "10m"})
    with undisturbed(client, pod):
        pass
