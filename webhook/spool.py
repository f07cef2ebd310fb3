"""The spool in a pod: an emptyDir of its size, which outlives the sidecar's container and ends with the pod."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from webhook import names
from webhook.pod import Json, Pod
from webhook.recording import fits_mount


def directory(values: Mapping[str, Any], *, known: bool) -> str | None:
    """Where it is mounted; None where nothing is kept. What is not `known` may give the URL."""
    spool = values["outputSpool"]
    if "directory" not in spool or (known and "outputUrl" not in values):
        return None
    return posixpath.normpath(str(spool["directory"]))


def fits(values: Mapping[str, Any]) -> bool:
    """Whether a volume may be mounted there: in a folder of its own."""
    spool, recording = values["outputSpool"]["directory"], values["recording"]
    if not fits_mount(spool):
        return False
    if recording["enabled"] is not True or not isinstance(recording["directory"], str):
        return True
    ours, theirs = posixpath.normpath(spool), posixpath.normpath(recording["directory"])
    return not theirs.startswith("/") or posixpath.commonpath([ours, theirs]) not in (ours, theirs)


def volume(values: Mapping[str, Any]) -> Json:
    return {"name": names.SPOOL_VOLUME, "emptyDir": {"sizeLimit": str(_size(values))}}


def mount(folder: str) -> Json:
    return {"name": names.SPOOL_VOLUME, "mountPath": folder}


def limit(pod: Pod, values: Mapping[str, Any]) -> str | None:
    """Of ephemeral storage, for the sidecar. None where no container has one.

    The kubelet evicts a pod whose volumes and layers take more than its containers' limits together
    (kubernetes.io/docs/concepts/storage/ephemeral-storage): the spool must not use up the application's.
    """
    return str(_size(values)) if any(_limits_storage(pod)) else None


def _limits_storage(pod: Pod) -> Iterator[bool]:
    for one in (*pod.init_containers, *pod.containers):
        yield "ephemeral-storage" in ((one.get("resources") or {}).get("limits") or {})


def _size(values: Mapping[str, Any]) -> int:
    """Room for a file set aside, too, and for the folder: a pod that goes over it is evicted."""
    bytes_: int = values["outputSpool"]["maxBytes"]
    return 2 * bytes_ + (1 << 20)
