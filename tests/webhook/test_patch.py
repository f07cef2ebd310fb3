"""The patch: what the sidecar gets, and what stays as it was."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
from pods import NEW, OLD, SETTINGS, decided, injected, pod

from appliance.ready import CAPTURE_OPEN, IDLE
from webhook import patch
from webhook.decision import Inject, Skip
from webhook.pod import Json, Pod
from webhook.sidecar import shutdown_times

QUARTER = {"limits": {"cpu": "250m", "memory": "64Mi"}}


def result(manifest: Json, **facts: Any) -> Json:
    """The pod with its sidecar; a second review must leave it alone."""
    before = copy.deepcopy(manifest)
    settings = replace(SETTINGS, **{name: value for name, value in facts.items() if hasattr(SETTINGS, name)})
    operations = patch.inject(Pod(manifest, "shop"), injected(manifest, **facts), settings)
    assert manifest == before, "the patch is made of a pod, it does not change it"
    patched: Json = jsonpatch.apply_patch(manifest, operations)
    again = decided(patched, **facts)
    assert isinstance(again, Skip)
    assert again.reason == "already_injected"
    return patched


def sidecar(manifest: Json, **facts: Any) -> Json:
    spec = result(manifest, **facts)["spec"]
    (one,) = [c for c in [*spec.get("initContainers", []), *spec["containers"]] if c["name"] == "tcp-sniffer"]
    found: Json = one
    return found


def env(manifest: Json, **facts: Any) -> dict[str, Any]:
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in sidecar(manifest, **facts)["env"]}


def test_annotations_become_variables() -> None:
    found = env(pod(annotations={"ports": "80,443", "sample-rate": "0.5", "output-batch-max-messages": "10"}))
    assert found["PORTS"] == "80,443"
    assert found["SAMPLE_RATE"] == "0.5"
    assert found["OUTPUT_BATCH_MAX_MESSAGES"] == "10"


def test_a_dollar_stays_one() -> None:
    """Kubernetes would replace `$(POD_NAME)` in a value."""
    assert (
        env(pod(annotations={"capture-filter": "host $(POD_NAME)"}, ports=[]), config_map="ports: [1]")[
            "CAPTURE_FILTER"
        ]
        == "host $$(POD_NAME)"
    )


def test_declared_ports_are_detected_ones() -> None:
    """Those of native sidecars too; not UDP, not those of init containers that end."""
    manifest = pod(
        ports=[{"containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}, {"containerPort": 8080}],
        initContainers=[
            {"name": "proxy", "restartPolicy": "Always", "ports": [{"containerPort": 15001}]},
            {"name": "setup", "ports": [{"containerPort": 1}]},
        ],
    )
    assert env(manifest)["DETECTED_PORTS"] == "15001,8080"


def test_a_label_alone_gives_messages_that_fit_the_log() -> None:
    found = env(pod())
    assert (found["OUTPUT_STDOUT"], found["MAX_RECORD_SIZE"]) == ("true", "16000")


@pytest.mark.parametrize("config_map", ["outputUrl: https://logs.example\n", "outputStdout: false\n"])
def test_an_output_of_the_config_map_is_left_alone(config_map: str) -> None:
    found = env(pod(), config_map=config_map)
    assert "OUTPUT_STDOUT" not in found
    assert "MAX_RECORD_SIZE" not in found


def test_stdout_of_the_config_map_fits_the_log_too() -> None:
    assert env(pod(), config_map="outputStdout: true\n")["MAX_RECORD_SIZE"] == "16000"
    assert "MAX_RECORD_SIZE" not in env(pod(), config_map="outputStdout: true\nmaxRecordSize: 5000\n")


def test_the_authors_own_shutdown_times_stand() -> None:
    found = env(pod(annotations={"shutdown-timeout-ms": "500"}), config_map="shutdownCaptureMs: 300\n")
    assert found["SHUTDOWN_TIMEOUT_MS"] == "500"
    assert "SHUTDOWN_CAPTURE_MS" not in found


@pytest.mark.parametrize(("grace", "times"), [(30, (2000, 10000)), (10, (1800, 7200)), (2, (200, 800)), (0, (40, 160))])
def test_shutdown_fits_into_the_grace_period(grace: int, times: tuple[int, int]) -> None:
    assert shutdown_times(grace) == times
    assert sum(times) <= max(grace * 1000 - 1000, grace * 500, 200)


def test_references_are_optional() -> None:
    """A Secret or ConfigMap that is missing must not keep the pod from starting."""
    manifest = pod(annotations={"auth-token-secret": "tokens/logs", "output-ca": "authority/ca.crt"})
    token = env(manifest)["OUTPUT_URL_AUTH_TOKEN"]
    assert token == {"secretKeyRef": {"name": "tokens", "key": "logs", "optional": True}}
    assert env(manifest)["OUTPUT_CA_FILE"] == "/etc/tcp-sniffer-ca/ca.crt"
    volumes = result(manifest)["spec"]["volumes"]
    assert all(volume["configMap"]["optional"] for volume in volumes if "configMap" in volume)
    assert {"name": "tcp-sniffer-output-ca", "configMap": {"name": "authority", "optional": True}} in volumes


def test_it_can_do_nothing_but_listen() -> None:
    one = sidecar(pod())
    assert one["securityContext"] == {
        "runAsUser": 0,
        "runAsNonRoot": False,
        "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]},
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert not {"ports", "livenessProbe", "readinessProbe", "lifecycle"} & one.keys()
    assert env(pod())["ON_FATAL"] == "idle"
    (token,) = [mount for mount in one["volumeMounts"] if "serviceaccount" in mount["mountPath"]]
    assert token["readOnly"]
    assert {"name": token["name"], "emptyDir": {"sizeLimit": "1Mi"}} in result(pod())["spec"]["volumes"]


def test_native_mode_waits_for_the_capture_and_stands_where_the_settings_say() -> None:
    manifest = pod(initContainers=[{"name": "setup", "image": "x"}])
    first = result(manifest)["spec"]["initContainers"]
    assert [one["name"] for one in first] == ["tcp-sniffer", "setup"]
    assert first[0]["restartPolicy"] == "Always"
    assert first[0]["startupProbe"]["exec"]["command"][:2] == ["sh", "-c"]
    last = result(manifest, sidecar_position="last")["spec"]["initContainers"]
    assert [one["name"] for one in last] == ["setup", "tcp-sniffer"]


def started(folder: Path) -> bool:
    """The startup probe as the kubelet runs it, in a folder that stands for /run/tcp-sniffer."""
    shell, option, command = sidecar(pod())["startupProbe"]["exec"]["command"]
    assert command.count("/run/tcp-sniffer") == 1
    done = subprocess.run([shell, option, command.replace("/run/tcp-sniffer", str(folder))], check=False, timeout=60)
    return done.returncode == 0


@pytest.mark.parametrize("state", [CAPTURE_OPEN, IDLE])
def test_the_app_starts_once_the_capture_is_open_or_cannot_be(state: str, tmp_path: Path) -> None:
    """The file that the sidecar writes, by the sidecar's own name for it."""
    assert not started(tmp_path)
    (tmp_path / state).touch()
    assert started(tmp_path)


def test_the_app_waits_20_seconds_from_the_first_probe_at_most(tmp_path: Path) -> None:
    """A sidecar that restarts meanwhile begins no new wait: the time stands on the pod's volume."""
    assert not started(tmp_path)
    first = (tmp_path / "probed").stat().st_mtime
    assert not started(tmp_path)
    assert (tmp_path / "probed").stat().st_mtime == first
    os.utime(tmp_path / "probed", (time.time() - 21,) * 2)
    assert started(tmp_path)


def test_container_mode_stands_behind_the_others() -> None:
    containers = result(pod(), sidecar_mode="container")["spec"]["containers"]
    assert [one["name"] for one in containers] == ["app", "tcp-sniffer"]
    assert not {"restartPolicy", "startupProbe"} & containers[1].keys()


def test_default_resources() -> None:
    assert sidecar(pod())["resources"] == {
        "requests": {"cpu": "50m", "memory": "64Mi"},
        "limits": {"cpu": "100m", "memory": "128Mi"},
    }


def test_a_guaranteed_pod_stays_one() -> None:
    """Requests that are absent follow from the limits; amounts compare by value."""
    equal = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1024Mi"}}
    manifest = pod(container={"resources": QUARTER}, initContainers=[{"name": "i", "image": "i", "resources": equal}])
    assert sidecar(manifest)["resources"]["requests"] == {"cpu": "100m", "memory": "128Mi"}


@pytest.mark.parametrize("requests", [{"cpu": "100m"}, {"memory": "1Mi"}])
def test_a_burstable_pod_gets_the_defaults(requests: Json) -> None:
    assert sidecar(pod(container={"resources": QUARTER | {"requests": requests}}))["resources"]["requests"] == {
        "cpu": "50m",
        "memory": "64Mi",
    }


def test_resources_of_the_whole_pod_are_shared() -> None:
    whole = {"limits": {"cpu": "1", "memory": "1Gi"}}
    assert "resources" not in sidecar(pod(resources=whole))
    asked = pod(annotations={"memory-limit": "96Mi"}, resources=whole)
    # By default the request would be the limit, and the pod be refused where its own request has no room for it.
    assert sidecar(asked)["resources"] == {"requests": {"memory": "0"}, "limits": {"memory": "96Mi"}}


def test_what_the_whole_pod_has_not_the_sidecar_has_for_itself() -> None:
    found = sidecar(pod(resources={"limits": {"memory": "1Gi"}}))["resources"]
    assert found == {"requests": {"cpu": "50m"}, "limits": {"cpu": "100m"}}


@pytest.mark.parametrize(("whole", "memory"), [("1Gi", 64 << 20), ("96Mi", 32 << 20), ("64Mi", 8 << 20)])
def test_of_a_shared_limit_it_takes_no_more_than_its_own_would_be(whole: str, memory: int) -> None:
    """The whole pod's limit cannot be seen from inside the container."""
    shared = {"limits": {"memory": whole}}
    assert env(pod(resources=shared))["MAX_MEMORY"] == str(memory)
    assert "MAX_MEMORY" not in env(pod(annotations={"memory-limit": "64Mi"}, resources=shared))
    assert "MAX_MEMORY" not in env(pod(resources=shared), config_map="maxMemory: 20000000\n")
    assert "MAX_MEMORY" not in env(pod())


def test_an_annotated_limit_pulls_the_default_request_down_and_a_request_the_limit_up() -> None:
    assert sidecar(pod(annotations={"cpu-limit": "20m"}))["resources"]["requests"]["cpu"] == "20m"
    assert sidecar(pod(annotations={"memory-request": "1Gi"}))["resources"]["limits"]["memory"] == "1Gi"


def test_image_and_policy() -> None:
    assert sidecar(pod(), image="r/s:1", image_pull_policy="Never")["imagePullPolicy"] == "Never"
    annotated = sidecar(pod(annotations={"image": "r/s:2", "image-pull-policy": "Always"}), image="r/s:1")
    assert (annotated["image"], annotated["imagePullPolicy"]) == ("r/s:2", "Always")


def test_another_config_map() -> None:
    volumes = result(pod(annotations={"config-map": "other"}))["spec"]["volumes"]
    assert volumes[0]["configMap"] == {"name": "other", "optional": True}


def test_another_config_map_says_itself_where_messages_go() -> None:
    """A variable would win over what the webhook cannot read there."""
    found = env(pod(annotations={"config-map": "other"}))
    assert not {"OUTPUT_STDOUT", "MAX_RECORD_SIZE"} & found.keys()
    asked = env(pod(annotations={"config-map": "other", "output-stdout": "true"}))
    assert (asked["OUTPUT_STDOUT"], asked["MAX_RECORD_SIZE"]) == ("true", "16000")


def test_nothing_else_changes() -> None:
    manifest = pod(volumes=[{"name": "data", "emptyDir": {}}], initContainers=[{"name": "setup", "image": "x"}])
    manifest["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "app"}
    for facts in ({}, {"sidecar_mode": "container"}):
        patched = result(manifest, **facts)
        assert patched["spec"]["volumes"][0] == manifest["spec"]["volumes"][0]
        assert [c for c in patched["spec"]["containers"] if c["name"] == "app"] == manifest["spec"]["containers"]
        assert [c for c in patched["spec"]["initContainers"] if c["name"] == "setup"] == manifest["spec"][
            "initContainers"
        ]
        assert patched["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"] == "app"
        assert patched["metadata"]["labels"] == manifest["metadata"]["labels"]


@pytest.mark.parametrize("absent", [None, [], "missing"])
def test_absent_null_and_empty_arrays(absent: Any) -> None:
    manifest = pod()
    for name in ("volumes", "initContainers"):
        if absent != "missing":
            manifest["spec"][name] = copy.copy(absent)
    if absent != "missing":
        manifest["metadata"]["annotations"] = absent and {}
    else:
        del manifest["metadata"]["annotations"]
    patched = result(manifest)
    assert len(patched["spec"]["initContainers"]) == 1
    assert patched["metadata"]["annotations"]["tcp-sniffer/status"] == "injected"


def test_what_was_added_is_recorded() -> None:
    record = json.loads(result(pod())["metadata"]["annotations"]["tcp-sniffer/injected"])
    assert (record["mode"], record["container"]) == ("native", "tcp-sniffer")
    assert record["volumes"] == [volume["name"] for volume in result(pod())["spec"]["volumes"]]


def test_a_skip_is_noted_once() -> None:
    manifest = pod(ports=[])
    skip = decided(manifest, cluster=OLD)
    assert isinstance(skip, Skip)
    patched = jsonpatch.apply_patch(manifest, patch.note(Pod(manifest), skip))
    assert patched["metadata"]["annotations"]["tcp-sniffer/status"].startswith("no_ports: no ports to listen to")
    assert patch.note(Pod(patched), skip) == []


def test_a_pod_that_was_skipped_can_be_injected_later() -> None:
    manifest = pod()
    manifest["metadata"]["annotations"] = {"tcp-sniffer/status": "no_ports: …"}
    assert result(manifest)["metadata"]["annotations"]["tcp-sniffer/status"] == "injected"
    assert isinstance(decided(manifest, cluster=NEW), Inject)
