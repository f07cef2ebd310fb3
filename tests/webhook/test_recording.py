"""Recording: the volume, the annotation that says where the files are, and what is told to the author."""

from __future__ import annotations

import json
from typing import Any

import jsonpatch
import kubernetes_validate
import pytest
from pods import SETTINGS, injected, pod

from webhook import patch
from webhook.facts import ConfigMap
from webhook.pod import Json, Pod
from webhook.recording import may_record

RECORDED = {"recording": "true"}


def result(manifest: Json, **facts: Any) -> Json:
    operations = patch.inject(Pod(manifest, "shop"), injected(manifest, **facts), SETTINGS)
    patched: Json = jsonpatch.apply_patch(manifest, operations)
    kubernetes_validate.validate(patched, "1.34", strict=True)
    return patched


def volume_and_mount(manifest: Json, **facts: Any) -> tuple[Json, Json]:
    spec = result(manifest, **facts)["spec"]
    (volume,) = [one for one in spec["volumes"] if one["name"] == "tcp-sniffer-captures"]
    (mount,) = [one for one in spec["initContainers"][0]["volumeMounts"] if one["name"] == "tcp-sniffer-captures"]
    assert all("volumeMounts" not in one for one in spec["containers"]), "in the sidecar alone"
    return volume, mount


def files(manifest: Json, **facts: Any) -> dict[str, str]:
    found: dict[str, str] = json.loads(
        result(manifest, **facts)["metadata"]["annotations"]["tcp-sniffer/capture-files"]
    )
    return found


def test_without_recording_there_is_no_volume() -> None:
    patched = result(pod(), has_captures_claim=True)
    assert "tcp-sniffer/capture-files" not in patched["metadata"]["annotations"]
    assert "tcp-sniffer-captures" not in json.dumps(patched)


def test_the_claim_that_the_author_names() -> None:
    manifest = pod(annotations=RECORDED | {"recording-claim": "evidence"})
    volume, mount = volume_and_mount(manifest, has_captures_claim=True)
    assert volume["persistentVolumeClaim"] == {"claimName": "evidence"}
    assert mount == {"name": "tcp-sniffer-captures", "mountPath": "/captures", "subPathExpr": "$(POD_NAME)"}
    assert injected(manifest).warnings == []


def test_else_the_namespaces_own_claim() -> None:
    volume, mount = volume_and_mount(pod(annotations=RECORDED), has_captures_claim=True)
    assert volume["persistentVolumeClaim"] == {"claimName": "tcp-sniffer-captures"}
    assert mount["subPathExpr"] == "$(POD_NAME)"


def test_else_a_volume_that_ends_with_the_pod_and_a_warning_that_says_so() -> None:
    manifest = pod(annotations=RECORDED)
    volume, mount = volume_and_mount(manifest)
    assert volume["ephemeral"]["volumeClaimTemplate"]["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    assert "subPathExpr" not in mount
    (warning,) = injected(manifest).warnings
    assert "deleted with the pod" in warning


def test_its_size_and_class() -> None:
    manifest = pod(annotations=RECORDED | {"recording-size": "20Gi", "recording-storage-class": "fast"})
    spec = volume_and_mount(manifest)[0]["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert (spec["resources"]["requests"]["storage"], spec["storageClassName"]) == ("20Gi", "fast")


def test_the_config_map_can_ask_for_it_and_for_another_folder() -> None:
    config_map = "recording: {enabled: true, directory: /evidence/}\n"
    assert volume_and_mount(pod(), config_map=config_map)[1]["mountPath"] == "/evidence"
    assert files(pod(), config_map=config_map) == {"app": "/evidence/web.pcap"}


def test_each_container_with_a_recorded_port_has_the_pods_one_file() -> None:
    """UDP counts where it is recorded; an init container that ends serves nothing."""
    containers = [
        {"name": "web", "image": "i", "ports": [{"containerPort": 8080}]},
        {"name": "dns", "image": "i", "ports": [{"containerPort": 53, "protocol": "UDP"}]},
        {"name": "other", "image": "i", "ports": [{"containerPort": 9999}]},
        {"name": "none", "image": "i"},
    ]
    ended = [{"name": "setup", "image": "i", "ports": [{"containerPort": 8080}]}]
    chosen = {"ports": "8000-8100", "recording-ports": "53,8000-8100"}
    manifest = pod(annotations=RECORDED | chosen, containers=containers, initContainers=ended)
    assert files(manifest) == {"web": "/captures/web.pcap", "dns": "/captures/web.pcap"}
    manifest = pod(annotations=RECORDED | chosen | {"recording-protocols": "tcp"}, containers=containers)
    assert files(manifest) == {"web": "/captures/web.pcap"}


def test_ports_are_the_detected_ones_where_nothing_else_is_said() -> None:
    assert files(pod(annotations=RECORDED)) == {"app": "/captures/web.pcap"}


@pytest.mark.parametrize(
    ("annotations", "name"),
    [
        ({"recording-label": "team/7"}, "team_7-web.pcap"),
        ({"recording-identity": "alice", "recording-container": "app"}, "alice-app.pcap"),
        ({"recording-format": "pcapng"}, "web.pcapng"),
    ],
)
def test_names(annotations: dict[str, str], name: str) -> None:
    assert files(pod(annotations=RECORDED | annotations)) == {"app": f"/captures/{name}"}


def test_a_name_that_is_generated_later() -> None:
    manifest = pod(annotations=RECORDED | {"recording-label": "blue"})
    manifest["metadata"] = {key: part for key, part in manifest["metadata"].items() if key != "name"}
    manifest["metadata"]["generateName"] = "web-"
    assert files(manifest) == {"app": "/captures/blue-$(POD_NAME).pcap"}


def test_of_another_config_map_the_ports_are_not_known() -> None:
    assert files(pod(ports=[], annotations=RECORDED | {"config-map": "other"})) == {}


@pytest.mark.parametrize(
    ("annotations", "config_map", "asks"),
    [
        (RECORDED, None, True),
        ({}, {"sniffer.yaml": "recording:\n  enabled: true\n"}, True),
        ({}, {"sniffer.yaml": "ports: [80]\n"}, False),
        ({}, None, False),
    ],
)
def test_who_records_nothing_costs_no_look_up(annotations: Any, config_map: Any, asks: bool) -> None:
    assert may_record(Pod(pod(annotations=annotations)), ConfigMap(config_map)) is asks


def test_the_key_comes_from_a_secret() -> None:
    annotations = {"recording-anonymize": "prefix-preserving", "recording-anonymize-secret": "keys/captures"}
    env = result(pod(annotations=RECORDED | annotations))["spec"]["initContainers"][0]["env"]
    reference = {"secretKeyRef": {"name": "keys", "key": "captures", "optional": True}}
    assert {"name": "RECORDING_ANONYMIZE_KEY", "valueFrom": reference} in env


def test_messages_go_on_beside_it() -> None:
    """An annotation more takes no messages away."""
    env = result(pod(annotations=RECORDED))["spec"]["initContainers"][0]["env"]
    assert {"name": "OUTPUT_STDOUT", "value": "true"} in env
    assert {"name": "RECORDING_ENABLED", "value": "true"} in env
