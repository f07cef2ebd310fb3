"""The spool's volume: where it is, how large, and what it must not cost the application."""

from __future__ import annotations

from typing import Any

import jsonpatch
import kubernetes_validate
import pytest
from pods import SETTINGS, injected, pod

from webhook import patch
from webhook.pod import Json, Pod

MIB = 1 << 20
WITH_URL = {"output-url": "https://collector.example/in"}
SPOOLED = WITH_URL | {"output-spool-directory": "/spool/"}


def result(manifest: Json, **facts: Any) -> tuple[list[Json], Json]:
    """The spool's volumes, and the sidecar."""
    operations = patch.inject(Pod(manifest, "shop"), injected(manifest, **facts), SETTINGS)
    patched: Json = jsonpatch.apply_patch(manifest, operations)
    kubernetes_validate.validate(patched, "1.34", strict=True)
    spec = patched["spec"]
    return [one for one in spec["volumes"] if one["name"] == "tcp-sniffer-spool"], spec["initContainers"][0]


def test_an_empty_dir_with_room_for_a_file_set_aside() -> None:
    (volume,), sidecar = result(pod(annotations=SPOOLED | {"output-spool-max-bytes": str(8 * MIB)}))
    assert volume["emptyDir"] == {"sizeLimit": str(17 * MIB)}
    assert {"name": "tcp-sniffer-spool", "mountPath": "/spool"} in sidecar["volumeMounts"]
    assert "ephemeral-storage" not in sidecar["resources"]["limits"]


def test_the_config_map_asks_for_it_too() -> None:
    text = "outputUrl: https://collector.example/in\noutputSpool: {directory: /data/spool}\n"
    (volume,), sidecar = result(pod(), config_map=text)
    assert volume["emptyDir"] == {"sizeLimit": str(129 * MIB)}
    assert {"name": "tcp-sniffer-spool", "mountPath": "/data/spool"} in sidecar["volumeMounts"]


@pytest.mark.parametrize("annotations", [WITH_URL, {"output-spool-directory": "/spool"}])
def test_without_a_directory_or_a_url_there_is_none(annotations: dict[str, str]) -> None:
    volumes, _ = result(pod(annotations=annotations))
    assert volumes == []


def test_another_config_map_may_give_the_url() -> None:
    (_,), _ = result(pod(annotations={"config-map": "mine", "output-spool-directory": "/spool", "ports": "80"}))


def test_it_takes_nothing_of_what_the_application_may_write() -> None:
    """The kubelet holds the pod's volumes against the sum of the containers' limits."""
    manifest = pod(annotations=SPOOLED)
    manifest["spec"]["containers"][0]["resources"] = {"limits": {"ephemeral-storage": "100Mi"}}
    _, sidecar = result(manifest)
    assert sidecar["resources"]["limits"]["ephemeral-storage"] == str(129 * MIB)
    assert sidecar["resources"]["requests"]["ephemeral-storage"] == "0"
