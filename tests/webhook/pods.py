"""Pods, and the decision on them as the webhook would make it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from webhook import settings as webhook_settings
from webhook.decision import Decision, Inject, Skip, decide
from webhook.facts import Cluster, ConfigMap, Namespace, Version
from webhook.pod import Json, Pod

SETTINGS = webhook_settings.defaults()
NEW = Cluster(api_server=Version(1, 34))
OLD = Cluster(api_server=Version(1, 28), oldest_kubelet=Version(1, 27))


def pod(
    *,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    ports: list[Any] | None = None,
    container: Json | None = None,
    **spec: Any,
) -> Json:
    """Labelled, with one container that declares port 8080, unless said otherwise."""
    declared = [{"containerPort": 8080}] if ports is None else ports
    one = {"name": "app", "image": "app:1", "ports": declared} | (container or {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "web",
            "labels": {"tcp-sniffer/inject": "true"} if labels is None else labels,
            "annotations": {f"tcp-sniffer/{name}": text for name, text in (annotations or {}).items()},
        },
        "spec": {"containers": [one]} | spec,
    }


def decided(
    manifest: Json,
    *,
    namespace: str = "shop",
    namespace_labels: dict[str, str] | None = None,
    config_map: str | None = None,
    failure: str | None = None,
    has_captures_claim: bool = False,
    cluster: Cluster = NEW,
    **settings: Any,
) -> Decision:
    """`config_map` is the text of its sniffer.yaml."""
    data = None if config_map is None else {"sniffer.yaml": config_map}
    return decide(
        Pod(manifest, namespace),
        Namespace(namespace, namespace_labels or {}, has_captures_claim),
        ConfigMap(data, failure),
        replace(SETTINGS, **settings),
        cluster,
    )


def injected(manifest: Json, **facts: Any) -> Inject:
    decision = decided(manifest, **facts)
    assert isinstance(decision, Inject), decision
    return decision


def skipped(manifest: Json, **facts: Any) -> Skip:
    decision = decided(manifest, **facts)
    assert isinstance(decision, Skip), decision
    return decision
