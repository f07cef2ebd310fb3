"""What the sidecar is for: the requests of a labelled pod come out as records."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from apps import (
    COLLECTOR_URL,
    LABELLED,
    PORT,
    TO_COLLECTOR,
    Apps,
    Client,
    Collector,
    container,
    job,
    requests,
    responses,
    server,
)
from cluster.kubectl import Kubectl
from cluster.node import NAME
from cluster.sandbox import wait_until

LONGEST_LINE = 16384  # containerd's


def test_requests_arrive_in_the_log_and_at_the_collector(apps: Apps, client: Client, collector: Collector) -> None:
    pod = apps.deploy("web", server(PORT), annotations={**TO_COLLECTOR, "output-stdout": "true"})
    answered, failed = client.ask(f"{pod.address}:{PORT}", "/hello?of=web", count=20)
    assert (len(answered), failed) == (20, [])
    wait_until(lambda: responses(pod.records()) >= set(answered), "the answers are in the log")
    wait_until(lambda: responses(collector.records()) >= set(answered), "the answers are at the collector")
    assert requests(pod.records()) >= set(answered)
    source = {"pod": pod.name, "namespace": "shop", "node": NAME}
    assert {tuple(record["source"].items()) for record in pod.records()} == {tuple(source.items())}


def test_a_label_alone_gives_messages_each_a_whole_line(apps: Apps, client: Client) -> None:
    pod = apps.deploy("big", server(PORT))
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(client.ask, f"{pod.address}:{PORT}", f"/big?100000&c={n}", count=20) for n in range(8)]
    answered = {target for done in asked for target in done.result()[0]}
    assert len(answered) == 160
    wait_until(lambda: responses(pod.records()) >= answered, "all answers are in the log")
    large = [record for record in pod.records() if record.get("bodyTruncated")]
    assert len(large) == 160
    lines = pod.kubectl("logs", pod.name, "-c", "tcp-sniffer").splitlines()
    assert max(len(line.encode()) for line in lines) < LONGEST_LINE


def test_the_config_map_after_a_restart_and_an_annotation_over_it(apps: Apps, client: Client, kubectl: Kubectl) -> None:
    def heard(name: str) -> set[int]:
        """The ports whose requests come out, of the two that are asked."""
        pod = apps.rolled_out(name)
        for port in (8081, 8082):
            assert client.ask(f"{pod.address}:{port}", f"/hello?at={port}", count=1) == ([f"/hello?at={port}&n=0"], [])
        wait_until(lambda: pod.records() != [], "a record is in the log")
        return {record["receiver"]["port"] for record in pod.records() if "method" in record}

    def configure(ports: str) -> None:
        text = {"sniffer.yaml": f"ports: {ports}\noutputStdout: true\n"}
        kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tcp-sniffer"}, "data": text})

    two = server(8081, 8082) | {"readinessProbe": None}
    try:
        configure("[8081]")
        apps.deploy("configured", two)
        apps.deploy("annotated", two, annotations={"ports": "8081"})
        assert heard("configured") == {8081}
        configure("[8082]")
        for name in ("configured", "annotated"):
            kubectl("rollout", "restart", f"deployment/{name}")
        assert heard("configured") == {8082}
        assert heard("annotated") == {8081}
    finally:
        kubectl("delete", "configmap", "tcp-sniffer")


def test_a_job_completes(apps: Apps, kubectl: Kubectl, collector: Collector) -> None:
    target = apps.deploy("target", server(PORT), labels={}).address
    program = container("/programs/client.py", f"{target}:{PORT}", "/hello?of=job", "5")
    kubectl.create(job("batch", program, labels=LABELLED, annotations={**TO_COLLECTOR, "ports": str(PORT)}))
    kubectl("wait", "--for=condition=complete", "job/batch", "--timeout=120s", timeout=150)
    sent = {f"/hello?of=job&n={number}" for number in range(5)}
    assert responses(collector.records()) >= sent, f"before the pod ended, its records were at {COLLECTOR_URL}"


def test_what_was_answered_before_the_pod_was_deleted_is_at_the_collector(
    apps: Apps, client: Client, collector: Collector, kubectl: Kubectl
) -> None:
    pod = apps.deploy("deleted", server(PORT), annotations=TO_COLLECTOR)
    address = f"{pod.address}:{PORT}"
    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(client.ask, address, f"/hello?of=deleted&c={number}") for number in range(3)]
        wait_until(lambda: len(responses(collector.records())) > 0, "requests are under way")
        kubectl("delete", "deployment", "deleted")
        kubectl("wait", "--for=delete", f"pod/{pod.name}", "--timeout=60s")
    answered = {target for done in asked for target in done.result()[0]}
    assert answered
    assert answered - responses(collector.records()) == set()
