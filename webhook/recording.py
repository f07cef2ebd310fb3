"""Recording in a pod: the volume that the files go to, and the annotation that tells others where they are."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appliance.config.ports import bounds
from appliance.config.settings import recording_prefix
from webhook import names
from webhook.annotations import Wishes
from webhook.facts import ConfigMap, Namespace
from webhook.pod import Json, Pod

DEFAULT_SIZE = "1Gi"
# Kubernetes puts the variable's value in its place (`subPathExpr`); here it stands for a name that is generated later.
POD_NAME = "$(POD_NAME)"
# In letters that a file's name keeps.
_LATER = "THE.NAME.OF.THE.POD"
# Where the sidecar has other mounts, or what it runs from.
_TAKEN = (names.CONFIG_FOLDER, names.RUN_FOLDER, names.CA_FOLDER, names.TOKEN_FOLDER, "/tmp", "/usr", "/opt", "/proc")  # noqa: S108


@dataclass(frozen=True)
class Recording:
    """`values` are the fields of `recording`. Without a `claim` the volume is the pod's own and ends with it."""

    values: Mapping[str, Any]
    ports: list[int | str]
    claim: str | None
    size: str
    storage_class: str | None
    # False where it could not be asked whether the namespace has a claim.
    sure: bool = True

    @property
    def directory(self) -> str:
        return posixpath.normpath(str(self.values["directory"]))


def recording(values: Mapping[str, Any], wishes: Wishes, namespace: Namespace) -> Recording | None:
    """What the configuration's `values` ask for; None where nothing is recorded."""
    if not values["recording"]["enabled"]:
        return None
    return Recording(
        values=values["recording"],
        # None are known where another ConfigMap, which the webhook does not read, may give them.
        ports=values["recording"].get("ports") or values.get("ports", []),
        claim=wishes.own.get("recording-claim") or (names.CAPTURES_CLAIM if namespace.has_captures_claim else None),
        size=wishes.own.get("recording-size", DEFAULT_SIZE),
        storage_class=wishes.own.get("recording-storage-class"),
        sure=namespace.has_captures_claim is not None,
    )


def may_record(pod: Pod, config_map: ConfigMap) -> bool:
    """Whether it is worth asking for the namespace's claim: a cheap look, too often yes rather than too seldom."""
    asked = names.PREFIX + "recording" in pod.annotations
    return asked or "recording" in (config_map.data or {}).get(names.CONFIG_KEY, "")


def fits_mount(directory: str) -> bool:
    """Whether a volume may be mounted there in the sidecar."""
    path = posixpath.normpath(directory)
    if not path.startswith("/") or path == "/" or ":" in path or ".." in directory.split("/"):
        return False
    return not any(posixpath.commonpath([path, taken]) in (path, taken) for taken in _TAKEN)


def volume(plan: Recording) -> Json:
    if plan.claim:
        return {"name": names.CAPTURES_VOLUME, "persistentVolumeClaim": {"claimName": plan.claim}}
    spec: Json = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": plan.size}}}
    if plan.storage_class:
        spec["storageClassName"] = plan.storage_class
    return {"name": names.CAPTURES_VOLUME, "ephemeral": {"volumeClaimTemplate": {"spec": spec}}}


def mount(plan: Recording) -> Json:
    """Pods that share a claim have a folder each."""
    found: Json = {"name": names.CAPTURES_VOLUME, "mountPath": plan.directory}
    return found | {"subPathExpr": POD_NAME} if plan.claim else found


def warnings(plan: Recording) -> list[str]:
    if plan.claim:
        return []
    why = "" if plan.sure else f", as the claim {names.CAPTURES_CLAIM} could not be looked for"
    return [
        f"tcp-sniffer: the recording is on a volume of {plan.size} that is deleted with the pod{why}: name a claim by"
        f" {names.PREFIX}recording-claim, or make one named {names.CAPTURES_CLAIM}, to keep it"
    ]


def capture_files(pod: Pod, plan: Recording) -> str:
    """JSON: each container with a recorded port → the path of the pod's one file, as the sidecar sees it."""
    path = posixpath.join(plan.directory, _file_name(pod, plan))
    return json.dumps(dict.fromkeys(_recorded(pod, plan), path))


def _recorded(pod: Pod, plan: Recording) -> list[str]:
    ranges = [bounds(entry) for entry in plan.ports]
    return [
        name
        for name, ports in pod.ports_by_container(plan.values["protocols"]).items()
        if any(first <= port <= last for port in ports for first, last in ranges)
    ]


def _file_name(pod: Pod, plan: Recording) -> str:
    """As the sidecar makes it."""
    prefix = recording_prefix(plan.values, {"pod": pod.metadata.get("name") or _LATER})
    return f"{prefix.replace(_LATER, POD_NAME)}.{plan.values['format']}"
