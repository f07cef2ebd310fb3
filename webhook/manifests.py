"""Kubernetes manifests in files: many documents, lists, and the pods inside of what makes pods."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from webhook.pod import Json

_WITH_TEMPLATE = {"DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"}


class ManifestError(Exception):
    """A file that cannot be read as manifests."""


def read(name: str) -> str:
    """The file's text; `-` is stdin. Raises ManifestError."""
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise ManifestError(f"{name}: expected a file that can be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{name}: expected a file in UTF-8 ({error.reason} at byte {error.start})") from error


def manifests(name: str) -> Iterator[Json]:
    """Every object in the file, those of a List one by one. Raises ManifestError."""
    try:
        for document in yaml.safe_load_all(read(name)):
            yield from _objects(name, document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ManifestError(f"{name}{place}: expected valid YAML ({error.problem or error.context})") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ManifestError(f"{name}: expected valid YAML ({str(error).splitlines()[0]})") from error


def _objects(name: str, document: object) -> Iterator[Json]:
    if document is None:
        return
    if not isinstance(document, dict) or not isinstance(kind := document.get("kind"), str) or not kind:
        raise ManifestError(f"{name}: expected objects of Kubernetes, each with a `kind`")
    for part in ("metadata", "spec"):
        if not isinstance(document.get(part) or {}, dict):
            raise ManifestError(f"{name}: {kind}: expected a mapping as `{part}`")
    if kind.endswith("List"):
        for item in document.get("items") or []:
            yield from _objects(name, item)
    else:
        yield document


def pod_of(manifest: Json) -> Json | None:
    """The pod, or the template of the pods that a controller would make; None for anything else.

    Raises ManifestError.
    """
    spec = manifest.get("spec") or {}
    if manifest["kind"] == "Pod":
        return manifest
    way = ["template"]
    if manifest["kind"] == "CronJob":
        way = ["jobTemplate", "spec", "template"]
    elif manifest["kind"] not in _WITH_TEMPLATE:
        return None
    for part in way:
        spec = spec.get(part) or {}
        if not isinstance(spec, dict):
            raise ManifestError(f"{manifest['kind']}: expected a mapping as `{part}`")
    return {"apiVersion": "v1", "kind": "Pod", **spec}
