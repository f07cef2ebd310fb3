"""The spool on the pod's own volume: what a dead collector missed, after the sniffer and its container were killed."""

from __future__ import annotations

from apps import PORT, Apps, Client, Collector, requests, server
from cluster.kubectl import Kubectl
from cluster.node import Node
from cluster.sandbox import wait_until

ADDRESS = "10.96.0.41"  # of a Service whose pods come later
SPOOLED = {
    "output-url": f"http://{ADDRESS}:{PORT}/records",
    "allow-insecure-output-url": "true",
    "output-spool-directory": "/spool",
    "output-timeout-ms": "1000",
}


def test_what_a_dead_collector_missed_outlives_the_container(
    apps: Apps, client: Client, kubectl: Kubectl, node: Node
) -> None:
    kubectl("create", "service", "clusterip", "late", f"--clusterip={ADDRESS}", f"--tcp={PORT}:{PORT}")
    pod = apps.deploy("spooled", server(PORT), annotations=SPOOLED)
    volume = next(one for one in pod.get()["spec"]["volumes"] if one["name"] == "tcp-sniffer-spool")
    assert "sizeLimit" in volume["emptyDir"]

    def spooled() -> bool:
        return any(line.get("event") == "post_spooled" for line in pod.lines())

    answered, failed = client.ask(f"{pod.address}:{PORT}", "/hello?of=before", count=20)
    wait_until(spooled, "the collector is dead, and the disk takes the records")
    assert pod.execute("tcp-sniffer", "stat", "-c", "%a", "/spool/spool.sqlite").strip() == "600"
    pod.execute("tcp-sniffer", "sh", "-c", "kill -9 $(cat /proc/1/task/1/children)")
    node.kill(pod.status("tcp-sniffer")["containerID"])
    wait_until(lambda: pod.status("tcp-sniffer")["restartCount"] > 0, "the sidecar is started again")
    wait_until(lambda: any(line.get("event") == "spool_recovered" for line in pod.lines()), "it finds its spool")
    late = Collector(apps.deploy("late", server(PORT), labels={}))
    wait_until(lambda: requests(late.records()) >= set(answered), "what was missed is at the collector")
    assert failed == []
    assert pod.status("app")["restartCount"] == 0
    kubectl("delete", "deployment", "spooled", "late")
    kubectl("delete", "service", "late")
