"""An AdmissionReview in, an AdmissionReview out."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import jsonpatch
import pytest
from pods import NEW, SETTINGS, pod

from webhook.facts import ConfigMap, Namespace
from webhook.pod import Json
from webhook.review import Outcome, ReviewError, parse, review


def body(manifest: Any, **request: Any) -> Json:
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "operation": "CREATE",
            "namespace": "shop",
            "object": manifest,
        }
        | request,
    }


def answered(
    manifest: Json, *, on_invalid: str = "skip", config_map: ConfigMap | None = None, **request: Any
) -> Outcome:
    parsed = parse(body(manifest, **request))
    settings = replace(SETTINGS, on_invalid=on_invalid)
    return review(parsed, Namespace(parsed.namespace), config_map or ConfigMap(), settings, NEW)


def operations(outcome: Outcome) -> list[Json]:
    response = outcome.response["response"]
    if "patch" not in response:
        return []
    assert response["patchType"] == "JSONPatch"
    found: list[Json] = json.loads(base64.b64decode(response["patch"]))
    return found


def test_injected() -> None:
    outcome = answered(pod())
    assert (outcome.result, outcome.reason) == ("injected", "injected")
    assert outcome.response["response"]["uid"] == "705ab4f5-6393-11e8-b7cc-42010a800002"
    assert outcome.response["response"]["allowed"] is True
    patched = jsonpatch.apply_patch(pod(), operations(outcome))
    assert patched["spec"]["initContainers"][0]["name"] == "tcp-sniffer"


def test_the_request_says_the_namespace() -> None:
    """A pod that a controller creates has none in its manifest yet."""
    assert parse(body(pod(), namespace="other")).namespace == "other"


@pytest.mark.parametrize("name", ["a", "1", "shop-2", "a--b", "a" * 63])
def test_what_a_namespace_may_be_called(name: str) -> None:
    assert parse(body(pod(), namespace=name)).namespace == name


def test_a_skip_is_told_to_the_pod_and_to_its_creator() -> None:
    outcome = answered(pod(annotations={"sample-rate": "2"}))
    response = outcome.response["response"]
    assert response["allowed"] is True
    assert response["warnings"] == [
        "tcp-sniffer: no sidecar for pod web (invalid_annotation): an annotation is wrong",
        "tcp-sniffer: annotation tcp-sniffer/sample-rate: expected a number from 0 to 1, got 2",
    ]
    (operation,) = operations(outcome)
    assert operation["path"] == "/metadata/annotations/tcp-sniffer~1status"
    assert "sample-rate" in operation["value"]


def test_a_denial_names_annotation_value_and_what_was_expected() -> None:
    outcome = answered(pod(annotations={"sample-rate": "2"}), on_invalid="deny")
    response = outcome.response["response"]
    assert response["allowed"] is False
    assert "patch" not in response
    assert response["status"]["code"] == 400
    expected = "annotation tcp-sniffer/sample-rate: expected a number from 0 to 1, got 2"
    assert expected in response["status"]["message"]


@pytest.mark.parametrize("on_invalid", ["skip", "deny"])
def test_who_did_not_ask_is_told_nothing(on_invalid: str) -> None:
    response = answered(pod(labels={}), on_invalid=on_invalid).response["response"]
    assert response == {"uid": response["uid"], "allowed": True}


def test_an_update_changes_nothing() -> None:
    outcome = answered(pod(), operation="UPDATE")
    assert outcome.reason == "not_a_create"
    assert operations(outcome) == []


def test_a_config_map_that_is_not_known_is_a_warning() -> None:
    outcome = answered(pod(), config_map=ConfigMap(failure="could not be read within 500 ms"))
    assert outcome.result == "injected"
    assert "within 500 ms" in outcome.response["response"]["warnings"][0]


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {},
        {"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview", "request": {"uid": "1"}},
        {"apiVersion": "admission.k8s.io/v1", "kind": "Pod"},
        body(pod(), uid=""),
        body(pod(), uid=7),
        body(pod(), resource={"resource": "deployments"}),
        body(pod(), subResource="ephemeralcontainers"),
        body(pod(), namespace="../../../version"),
        body(pod(), namespace="shop/secrets/token?x="),
        body(pod(), namespace="Shop"),
        body(pod(), namespace="a.b"),
        body(pod(), namespace="-a"),
        body(pod(), namespace="a\n"),
        body(pod(), namespace="a" * 64),
        body(pod() | {"metadata": {"namespace": {"a": 1}}}, namespace=None),
        body(None),
        body([]),
        body({"spec": {"containers": [7]}}),
        body({"spec": {"containers": []}}),
        body({"spec": {"containers": [{"name": "a", "ports": [{}]}]}}),
        body({"metadata": {"labels": {"a": 1}}, "spec": {"containers": [{"name": "a"}]}}),
        body({"metadata": 7}),
    ],
)
def test_anything_else_is_refused_with_what_was_expected(wrong: Any) -> None:
    with pytest.raises(ReviewError, match=r"expected|shaped"):
        parse(wrong)
