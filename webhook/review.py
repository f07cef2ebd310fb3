"""An AdmissionReview in, an AdmissionReview out (admission.k8s.io/v1). Pure."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

from webhook import names, patch
from webhook.decision import Inject, Skip, decide
from webhook.facts import Cluster, ConfigMap, Namespace
from webhook.pod import Json, Pod, ShapeError, shaped
from webhook.settings import Settings

API_VERSION = "admission.k8s.io/v1"


class ReviewError(Exception):
    """What came is no review of a pod; the text says what was expected."""


@dataclass(frozen=True)
class Request:
    """One pod that somebody wants to create."""

    uid: str
    pod: Pod
    operation: str

    @property
    def namespace(self) -> str:
        return self.pod.namespace


@dataclass(frozen=True)
class Outcome:
    """`response` is the whole AdmissionReview; `result` (injected, skipped, denied) and `reason` are for log and
    metrics."""

    response: Json
    result: str
    reason: str
    text: str


def parse(body: Any) -> Request:
    """Raises ReviewError."""
    if not isinstance(body, dict) or body.get("kind") != "AdmissionReview" or body.get("apiVersion") != API_VERSION:
        raise ReviewError(f"expected an AdmissionReview of {API_VERSION}")
    request = body.get("request")
    if not isinstance(request, dict) or not isinstance(request.get("uid"), str) or not request["uid"]:
        raise ReviewError("expected `request` with a `uid`")
    resource = request.get("resource")
    if not isinstance(resource, dict) or resource.get("resource") != "pods" or request.get("subResource"):
        raise ReviewError("expected a review of pods: the MutatingWebhookConfiguration's rules name something else too")
    manifest = request.get("object")
    if not isinstance(manifest, dict):
        raise ReviewError("expected `request.object`, the pod")
    try:
        pod = shaped(manifest, _text(request.get("namespace")))
    except ShapeError as error:
        raise ReviewError(f"`request.object` is {error}") from error
    if not _is_namespace(pod.namespace):
        raise ReviewError("expected `request.namespace`, a namespace's name: at most 63 of a-z and 0-9, with - between")
    return Request(request["uid"], pod, _text(request.get("operation")) or "CREATE")


def review(
    request: Request, namespace: Namespace, config_map: ConfigMap, settings: Settings, cluster: Cluster
) -> Outcome:
    if request.operation != "CREATE":
        skip = Skip("not_a_create", "the containers of a pod that exists cannot change")
        return Outcome(_answer(request), "skipped", skip.reason, skip.text)
    decision = decide(request.pod, namespace, config_map, settings, cluster)
    if isinstance(decision, Inject):
        operations = patch.inject(request.pod, decision, settings)
        return Outcome(_answer(request, operations, decision.warnings), "injected", "injected", "")
    return _skipped(request, decision, settings)


def _skipped(request: Request, skip: Skip, settings: Settings) -> Outcome:
    if skip.is_silent:
        return Outcome(_answer(request), "skipped", skip.reason, skip.text)
    if settings.on_invalid == "deny":
        return Outcome(_denial(request, skip), "denied", skip.reason, skip.text)
    # The API server cuts warnings to 256 characters each where they are many: one for each mistake.
    told = [f"no sidecar for pod {request.pod.name} ({skip.reason}): {skip.sentence}", *skip.mistakes]
    warnings = [*skip.warnings, *(f"tcp-sniffer: {text}" for text in told)]
    response = _answer(request, patch.note(request.pod, skip), warnings)
    return Outcome(response, "skipped", skip.reason, skip.text)


def _answer(request: Request, operations: list[Json] | None = None, warnings: list[str] | None = None) -> Json:
    response: Json = {"uid": request.uid, "allowed": True}
    if operations:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(json.dumps(operations).encode()).decode()
    if warnings:
        response["warnings"] = warnings
    return _wrap(response)


def _denial(request: Request, skip: Skip) -> Json:
    message = f"tcp-sniffer ({skip.reason}): {skip.text}"
    status = {"code": 400 if skip.mistakes else 403, "reason": "Invalid" if skip.mistakes else "Forbidden"}
    response: Json = {"uid": request.uid, "allowed": False, "status": status | {"message": message}}
    if skip.warnings:
        response["warnings"] = skip.warnings
    return _wrap(response)


def _wrap(response: Json) -> Json:
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}


def _is_namespace(name: Any) -> bool:
    """The API server is asked for what lies in it, so it must be nothing else."""
    return isinstance(name, str) and re.fullmatch(names.NAMESPACE, name) is not None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
