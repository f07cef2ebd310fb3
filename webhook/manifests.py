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
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{name}: expected a file that can be read ({error})") from error


def manifests(name: str) -> Iterator[Json]:
    """Every object in the file, those of a List one by one. Raises ManifestError."""
    try:
        for document in yaml.safe_load_all(read(name)):
            yield from _objects(name, document)
    except yaml.YAMLError as error:
        raise ManifestError(f"{name}: expected valid YAML ({error})") from error


def _objects(name: str, document: object) -> Iterator[Json]:
    if document is None:
        return
    if not isinstance(document, dict) or not document.get("kind"):
        raise ManifestError(f"{name}: expected objects of Kubernetes, each with a `kind`")
    if str(document["kind"]).endswith("List"):
        for item in document.get("items") or []:
            yield from _objects(name, item)
    else:
        yield document


def pod_of(manifest: Json) -> Json | None:
    """The pod, or the template of the pods that a controller would make; None for anything else."""
    spec = manifest.get("spec") or {}
    if manifest["kind"] == "Pod":
        return manifest
    if manifest["kind"] == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    elif manifest["kind"] not in _WITH_TEMPLATE:
        return None
    return {"apiVersion": "v1", "kind": "Pod", **(spec.get("template") or {})}
