"""The webhook away for a while, and taken away for good. The last of the node's tests: after them it is gone."""

from __future__ import annotations

from apps import NAMESPACE, PORT, Apps, Client, server
from cluster.injector import NAME
from cluster.injector import NAMESPACE as WEBHOOK_NAMESPACE
from cluster.kubectl import Kubectl, Place
from cluster.node import Node
from cluster.sandbox import wait_until
from conftest import objects


def test_scaled_to_zero_pods_still_start(apps: Apps, client: Client, administrator: Kubectl) -> None:
    webhook = administrator.of(WEBHOOK_NAMESPACE)
    webhook("scale", f"deployment/{NAME}", "--replicas=0")
    wait_until(lambda: webhook.items("pods") == [], "its replicas have ended")
    pod = apps.deploy("bare", server(PORT))
    assert "initContainers" not in pod.get()["spec"]
    assert client.ask(f"{pod.address}:{PORT}", count=1)[1] == []
    webhook("scale", f"deployment/{NAME}", "--replicas=2")
    webhook("rollout", "status", f"deployment/{NAME}", "--timeout=120s", timeout=150)

    def injected() -> bool:
        administrator.of(NAMESPACE)("rollout", "restart", "deployment/bare")
        return "initContainers" in apps.rolled_out("bare").get()["spec"]

    wait_until(injected, "new pods get the sidecar again")


def test_uninstalled_nothing_stays(
    apps: Apps, client: Client, administrator: Kubectl, node: Node, before_installation: set[Place]
) -> None:
    pod = apps.deploy("keeps", server(PORT))
    administrator("delete", "-k", str(node.control_plane.files / "overlay"), timeout=200)
    assert objects(administrator) - before_installation == set()
    # The sidecars that are there need nothing of it.
    client.ask(f"{pod.address}:{PORT}", "/hello?of=keeps", count=1)
    wait_until(lambda: any("/hello?of=keeps" in record.get("path", "") for record in pod.records()), "it still hears")
    assert "initContainers" not in apps.deploy("later", server(PORT)).get()["spec"]
