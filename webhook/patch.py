"""RFC 6902 operations that turn a pod into one with the sidecar. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from appliance.version import version
from webhook import names, recording, sidecar
from webhook.decision import Inject, Skip
from webhook.pod import Json, Pod
from webhook.settings import Settings


def inject(pod: Pod, plan: Inject, settings: Settings) -> list[Json]:
    """What the sidecar needs, then the sidecar, then the annotations that say so. Other containers stay as they are."""
    added = sidecar.volumes(plan)
    operations = [*_append("/spec/volumes", pod.volumes, added)]
    one = sidecar.container(pod, plan, settings)
    if not plan.native:
        operations += _append("/spec/containers", pod.containers, [one])
    elif settings.sidecar_position == "first" and pod.init_containers:
        operations.append({"op": "add", "path": "/spec/initContainers/0", "value": one})
    else:
        operations += _append("/spec/initContainers", pod.init_containers, [one])
    record = {
        "version": version(),
        "mode": "native" if plan.native else "container",
        "container": names.CONTAINER,
        "volumes": [volume["name"] for volume in added],
    }
    annotations = {names.STATUS: "injected", names.INJECTED: json.dumps(record)}
    if plan.recording:
        annotations[names.CAPTURE_FILES] = recording.capture_files(pod, plan.recording)
    return [*operations, *_annotate(pod, annotations)]


def note(pod: Pod, skip: Skip) -> list[Json]:
    """The pod starts as it is; an annotation says why. A limit: all annotations together hold 256 KiB."""
    text = f"{skip.reason}: {skip.text}"
    return [*_annotate(pod, {names.STATUS: text if len(text) <= 4096 else text[:4095] + "…"})]


def _append(path: str, present: Sequence[Any], values: list[Json]) -> Iterator[Json]:
    """An array that is absent, null or empty has nothing to append to (RFC 6902, section 4.1)."""
    if not present:
        yield {"op": "add", "path": path, "value": values}
    else:
        yield from ({"op": "add", "path": f"{path}/-", "value": value} for value in values)


def _annotate(pod: Pod, annotations: dict[str, str]) -> Iterator[Json]:
    new = {name: text for name, text in annotations.items() if pod.annotations.get(name) != text}
    if not new:
        return
    if not pod.annotations:
        yield {"op": "add", "path": "/metadata/annotations", "value": new}
        return
    for name, text in new.items():
        yield {"op": "add", "path": f"/metadata/annotations/{_escaped(name)}", "value": text}


def _escaped(name: str) -> str:
    """RFC 6901, section 3."""
    return name.replace("~", "~0").replace("/", "~1")
