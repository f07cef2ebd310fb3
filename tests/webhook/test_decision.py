"""The decision, a row for each way it can go."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from pods import NEW, OLD, decided, injected, pod, skipped

from webhook.decision import Inject
from webhook.facts import Cluster, Version


class Row(NamedTuple):
    why: str
    reason: str  # "injected", or that of the skip
    pod: dict[str, Any]
    facts: Mapping[str, Any] = MappingProxyType({})


NAMESPACE_IN = {"namespace_labels": {"tcp-sniffer/inject": "true"}}
NAMESPACE_OUT = {"namespace_labels": {"tcp-sniffer/inject": "false"}}
INJECTED = {"tcp-sniffer/injected": "{}"}
OURS = {"name": "tcp-sniffer", "image": "tcp-sniffer:1"}


def with_annotations(manifest: dict[str, Any], annotations: dict[str, str]) -> dict[str, Any]:
    manifest["metadata"]["annotations"] |= annotations
    return manifest


ROWS = [
    Row("the pod's label alone opts in", "injected", pod()),
    Row("the namespace's label alone opts in", "injected", pod(labels={}), NAMESPACE_IN),
    Row("the pod's own label wins over a namespace that is out", "injected", pod(), NAMESPACE_OUT),
    Row("nobody asked", "not_labelled", pod(labels={})),
    Row("a label of another value is none", "not_labelled", pod(labels={"tcp-sniffer/inject": "yes"})),
    Row("a pod opts out of its namespace", "opted_out", pod(labels={"tcp-sniffer/inject": "false"}), NAMESPACE_IN),
    Row("a namespace opts out", "opted_out", pod(labels={}), NAMESPACE_OUT),
    Row("a namespace that the settings exclude", "excluded_namespace", pod(), {"namespace": "kube-system"}),
    Row(
        "a second review of what the webhook made",
        "already_injected",
        with_annotations(pod(initContainers=[OURS]), INJECTED),
    ),
    Row("in the node's network it would hear all pods", "host_network", pod(hostNetwork=True)),
    Row("the pod says it is for Windows", "windows", pod(os={"name": "windows"})),
    Row("the pod selects Windows nodes", "windows", pod(nodeSelector={"kubernetes.io/os": "windows"})),
    Row("Linux nodes are fine", "injected", pod(nodeSelector={"kubernetes.io/os": "linux"}, os={"name": "linux"})),
    Row(
        "baseline refuses NET_RAW",
        "pod_security",
        pod(),
        {"namespace_labels": {"pod-security.kubernetes.io/enforce": "baseline"}},
    ),
    Row(
        "restricted refuses it too",
        "pod_security",
        pod(),
        {"namespace_labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    ),
    Row(
        "privileged and a mere warning let it in",
        "injected",
        pod(),
        {
            "namespace_labels": {
                "pod-security.kubernetes.io/enforce": "privileged",
                "pod-security.kubernetes.io/warn": "restricted",
            }
        },
    ),
    Row("a container of our name, not ours", "name_conflict", pod(container={"name": "tcp-sniffer"})),
    Row("an init container of our name", "name_conflict", pod(initContainers=[OURS])),
    Row("a volume of our prefix", "name_conflict", pod(volumes=[{"name": "tcp-sniffer-run", "emptyDir": {}}])),
    Row(
        "a mount at our path: a sidecar added by hand",
        "name_conflict",
        pod(container={"volumeMounts": [{"name": "x", "mountPath": "/etc/tcp-sniffer/"}]}),
    ),
    Row(
        "another volume that begins like ours is the author's own",
        "injected",
        pod(volumes=[{"name": "tcp-sniffer-data", "emptyDir": {}}]),
    ),
    Row("another volume and mount are fine", "injected", pod(volumes=[{"name": "tcp", "emptyDir": {}}])),
    Row("no port anywhere", "no_ports", pod(ports=[])),
    Row("a UDP port is none", "no_ports", pod(ports=[{"containerPort": 53, "protocol": "UDP"}])),
    Row("a ConfigMap without `ports` gives none", "no_ports", pod(ports=[]), {"config_map": "sampleRate: 1\n"}),
    Row("ports by annotation", "injected", pod(ports=[], annotations={"ports": "8080,9000-9100"})),
    Row("ports by ConfigMap", "injected", pod(ports=[]), {"config_map": "ports: [8080]\n"}),
    Row("an unreadable ConfigMap is gone on without", "injected", pod(), {"failure": "took too long"}),
    Row("a value that does not fit", "invalid_annotation", pod(annotations={"sample-rate": "2"})),
    Row("an unknown annotation", "invalid_annotation", pod(annotations={"portz": "8080"})),
    Row("the label written as annotation", "invalid_annotation", pod(annotations={"inject": "true"})),
    Row("an annotation of another's is none of ours", "injected", with_annotations(pod(), {"other/portz": "x"})),
    Row("an empty annotation counts as none", "injected", pod(annotations={"sample-rate": " "})),
    Row(
        "an annotation the settings forbid",
        "invalid_annotation",
        pod(annotations={"sample-rate": "1"}),
        {"allowed_annotations": ("ports",)},
    ),
    Row(
        "one that they allow",
        "injected",
        pod(annotations={"sample-rate": "1"}),
        {"allowed_annotations": ("sample-rate",)},
    ),
    Row(
        "an image they forbid", "invalid_annotation", pod(annotations={"image": "evil"}), {"allowed_images": ("tcp*",)}
    ),
    Row("an image of an allowed glob", "injected", pod(annotations={"image": "tcp:2"}), {"allowed_images": ("tcp*",)}),
    Row(
        "the settings' own image always",
        "injected",
        pod(annotations={"image": "tcp-sniffer:latest"}),
        {"allowed_images": ()},
    ),
    Row(
        "a URL they forbid",
        "invalid_annotation",
        pod(annotations={"output-url": "https://logs.example.evil/"}),
        {"allowed_output_urls": ("https://logs.example",)},
    ),
    Row(
        "a URL below an allowed one",
        "injected",
        pod(annotations={"output-url": "https://logs.example/team/a"}),
        {"allowed_output_urls": ("https://logs.example/team",)},
    ),
    Row(
        "a forbidden URL in the ConfigMap",
        "invalid_config_map",
        pod(),
        {"config_map": "outputUrl: https://evil.example\n", "allowed_output_urls": ("https://logs.example",)},
    ),
    Row("http to another host must be meant", "invalid_annotation", pod(annotations={"output-url": "http://logs/"})),
    Row("a sidecar that exits would restart", "invalid_annotation", pod(annotations={"on-fatal": "exit"})),
    Row("less memory than it needs", "invalid_annotation", pod(annotations={"memory-limit": "16Mi"})),
    Row("no amount", "invalid_annotation", pod(annotations={"cpu-limit": "much"})),
    Row(
        "a request above its limit",
        "invalid_annotation",
        pod(annotations={"memory-request": "1Gi", "memory-limit": "128Mi"}),
    ),
    Row("a Secret without its key", "invalid_annotation", pod(annotations={"auth-token-secret": "token"})),
    Row("a mode that is none", "invalid_annotation", pod(annotations={"sidecar-mode": "daemon"})),
    Row(
        "status on a port of the app's",
        "invalid_annotation",
        pod(annotations={"status-listen": "0.0.0.0:8080"}),
    ),
    Row("status on a port of its own", "injected", pod(annotations={"status-listen": "0.0.0.0:9090"})),
    Row("a ConfigMap that is no YAML", "invalid_config_map", pod(), {"config_map": "ports: [\n"}),
    Row("a ConfigMap with an unknown key", "invalid_config_map", pod(), {"config_map": "port: [80]\n"}),
    Row("an empty ConfigMap", "injected", pod(), {"config_map": ""}),
    Row(
        "an annotation mends what the ConfigMap has wrong, as it does in the sidecar",
        "injected",
        pod(annotations={"sample-rate": "1"}),
        {"config_map": "sampleRate: 2\n"},
    ),
    Row(
        "another ConfigMap is not looked into",
        "injected",
        pod(annotations={"config-map": "other"}),
        {"config_map": "sampleRate: 2\n"},
    ),
    *(
        Row(
            f"a name that no ConfigMap may have: {name[:9]}",
            "invalid_annotation",
            pod(annotations={"config-map": name}),
        )
        for name in ("a..b", "a.-b", "a-.b", "a/b", "A", "a" * 254)
    ),
    *(
        Row(f"a name that one may have: {name[:9]}", "injected", pod(annotations={"config-map": name}))
        for name in ("a.b-c.1", "1", "a" * 253)
    ),
    Row("another ConfigMap may give the ports", "injected", pod(ports=[], annotations={"config-map": "other"})),
    Row(
        "a user in the URL beside a token",
        "invalid_annotation",
        pod(annotations={"output-url": "https://me:x@logs.example", "auth-token-secret": "token/key"}),
    ),
    Row(
        "a limit above the whole pod's: with it the pod would be refused",
        "invalid_annotation",
        pod(annotations={"memory-limit": "256Mi"}, resources={"limits": {"memory": "128Mi"}}),
    ),
    Row(
        "a request that the containers leave no room for in the whole pod's",
        "invalid_annotation",
        pod(
            annotations={"memory-request": "64Mi"},
            container={"resources": {"requests": {"memory": "100Mi"}}},
            resources={"requests": {"memory": "128Mi"}},
        ),
    ),
    Row(
        "one that they leave room for",
        "injected",
        pod(
            annotations={"memory-request": "64Mi"},
            container={"resources": {"requests": {"memory": "64Mi"}}},
            resources={"requests": {"memory": "128Mi"}},
        ),
    ),
    Row(
        "a limit below the whole pod's",
        "injected",
        pod(annotations={"memory-limit": "128Mi"}, resources={"limits": {"memory": "128Mi"}}),
    ),
    Row(
        "a live stream on a port of the app's",
        "invalid_annotation",
        pod(annotations={"recording-stream-listen": "127.0.0.1:8080"}),
    ),
    Row("recording to a claim", "injected", pod(annotations={"recording": "true", "recording-claim": "evidence"})),
    Row("a claim that cannot be one", "invalid_annotation", pod(annotations={"recording-claim": "Not/one"})),
    Row("a size that is none", "invalid_annotation", pod(annotations={"recording-size": "big"})),
    Row(
        "recordings over the sidecar's own configuration",
        "invalid_annotation",
        pod(annotations={"recording": "true", "recording-directory": "/etc/tcp-sniffer/captures"}),
    ),
    Row(
        "the same in the ConfigMap",
        "invalid_config_map",
        pod(),
        {"config_map": "recording: {enabled: true, directory: captures}\n"},
    ),
    Row(
        "a directory that nothing is written to does not matter",
        "injected",
        pod(annotations={"recording-directory": "captures"}),
    ),
    Row(
        "a spool over the sidecar's own files",
        "invalid_annotation",
        pod(annotations={"output-spool-directory": "/run/tcp-sniffer"}),
    ),
    Row(
        "a spool among the recordings",
        "invalid_annotation",
        pod(annotations={"output-spool-directory": "/captures/spool"}),
        {"config_map": "recording: {enabled: true}\n"},
    ),
    Row("a spool that is no mapping", "invalid_config_map", pod(), {"config_map": "outputSpool: 5\n"}),
    Row(
        "anonymized without a key",
        "invalid_annotation",
        pod(annotations={"recording": "true", "recording-anonymize": "prefix-preserving"}),
    ),
    Row(
        "with one",
        "injected",
        pod(
            annotations={
                "recording": "true",
                "recording-anonymize": "prefix-preserving",
                "recording-anonymize-secret": "s/k",
            }
        ),
    ),
    Row(
        "a Job beside a plain container never ends",
        "needs_native_sidecar",
        pod(restartPolicy="Never"),
        {"cluster": OLD},
    ),
    Row(
        "so does one that restarts on failure", "needs_native_sidecar", pod(restartPolicy="OnFailure"), {"cluster": OLD}
    ),
    Row(
        "a Job in plain mode by settings",
        "needs_native_sidecar",
        pod(restartPolicy="Never"),
        {"sidecar_mode": "container"},
    ),
    Row("native sidecars end with the Job", "injected", pod(restartPolicy="Never"), {"cluster": NEW}),
    Row("on an old cluster a server still gets one", "injected", pod(restartPolicy="Always"), {"cluster": OLD}),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.why)
def test_row(row: Row) -> None:
    decision = decided(row.pod, **row.facts)
    assert ("injected" if isinstance(decision, Inject) else decision.reason) == row.reason
    if not isinstance(decision, Inject):
        assert len(decision.sentence) > 10


def test_several_mistakes_are_told_at_once() -> None:
    wrong = {"sample-rate": "2", "portz": "1", "memory-limit": "1", "output-url": "ftp://x"}
    skip = skipped(pod(annotations=wrong), config_map="maxBodySize: -1\n")
    assert skip.reason == "invalid_annotation"
    assert len(skip.mistakes) == 5
    text = skip.text
    assert "annotation tcp-sniffer/sample-rate: expected a number from 0 to 1, got 2" in text
    assert "tcp-sniffer/ports is the nearest" in text
    assert "ConfigMap tcp-sniffer, sniffer.yaml:1: maxBodySize" in text


def test_a_secret_is_named_by_its_annotation() -> None:
    """The variable that it becomes is not the author's to know."""
    beside = skipped(pod(annotations={"output-url": "https://u@logs.example", "auth-token-secret": "s/k"}))
    assert "no user in the URL beside the annotation tcp-sniffer/auth-token-secret" in beside.text
    keyless = skipped(pod(annotations={"recording": "true", "recording-anonymize": "prefix-preserving"}))
    assert "a key in the annotation tcp-sniffer/recording-anonymize-secret" in keyless.text
    assert "OUTPUT_URL_AUTH_TOKEN" not in beside.text + keyless.text
    assert "RECORDING_ANONYMIZE_KEY" not in beside.text + keyless.text


def test_a_mistake_never_shows_a_secret() -> None:
    skip = skipped(pod(annotations={"output-url": "ftp://user:pass@logs.example/?token=t"}))
    assert "pass" not in skip.text
    assert "token=t" not in skip.text


@pytest.mark.parametrize(
    ("cluster", "native"),
    [
        (Cluster(Version(1, 32)), True),
        (Cluster(Version(1, 31), Version(1, 29)), True),
        (Cluster(Version(1, 31), Version(1, 28)), False),
        (Cluster(Version(1, 31)), False),
        (Cluster(), False),
        (Cluster(oldest_kubelet=Version(1, 29)), True),
    ],
)
def test_auto_mode_follows_the_oldest_kubelet(cluster: Cluster, native: bool) -> None:
    assert injected(pod(), cluster=cluster).native is native


def test_warnings() -> None:
    assert "took too long" in injected(pod(), failure="took too long").warnings[0]
    assert "other" in injected(pod(annotations={"config-map": "other"})).warnings[0]
    assert injected(pod()).warnings == []
