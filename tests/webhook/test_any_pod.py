"""Whatever pod comes: the patch applies, the result fits Kubernetes' schema, and a second review changes nothing.
Whatever review comes: an answer, or a ReviewError."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonpatch
import kubernetes_validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pods import NEW, OLD, SETTINGS, decided

from webhook import patch
from webhook.decision import Inject
from webhook.facts import Cluster, ConfigMap, Namespace
from webhook.pod import Json, Pod
from webhook.review import API_VERSION, ReviewError, parse, review

_NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
_PORTS = st.fixed_dictionaries(
    {"containerPort": st.integers(1, 65535)},
    optional={"protocol": st.sampled_from(["TCP", "UDP", "SCTP"]), "name": _NAMES},
)
_AMOUNTS = st.fixed_dictionaries(
    {}, optional={"cpu": st.sampled_from(["100m", "1", "0.5"]), "memory": st.sampled_from(["64Mi", "1Gi", "1e9"])}
)
_RESOURCES = st.fixed_dictionaries({}, optional={"limits": _AMOUNTS, "requests": _AMOUNTS})
_CONTAINERS = st.fixed_dictionaries(
    {"name": _NAMES, "image": st.just("app")},
    optional={"ports": st.lists(_PORTS, max_size=3), "resources": _RESOURCES, "env": st.just([])},
)
_VOLUMES = st.fixed_dictionaries({"name": _NAMES, "emptyDir": st.just({})})
_ANNOTATIONS = {
    "ports": st.sampled_from(["8080", "1-70", "8080,9090", ""]),
    "output-url": st.sampled_from(["https://logs.example/", "http://127.0.0.1:1/", "~1/"]),
    "sample-rate": st.sampled_from(["0", "1", "0.5", "$(POD_NAME)"]),
    "sidecar-mode": st.sampled_from(["auto", "native", "container"]),
    "auth-token-secret": st.just("token/key"),
    "output-ca": st.just("authority/ca.crt"),
    "memory-limit": st.sampled_from(["64Mi", "1Gi"]),
    "cpu-request": st.sampled_from(["1m", "2"]),
    "config-map": st.just("other"),
    "recording": st.sampled_from(["true", "false"]),
    "recording-claim": st.just("evidence"),
    "recording-directory": st.sampled_from(["/captures", "/data/captures/", "relative"]),
}
_OTHERS = st.dictionaries(st.sampled_from(["a/b", "x~y", "kubectl.kubernetes.io/default-container"]), _NAMES)


@st.composite
def pods(draw: st.DrawFn) -> Json:
    chosen = draw(st.fixed_dictionaries({}, optional=_ANNOTATIONS))
    annotations = draw(_OTHERS) | {f"tcp-sniffer/{name}": text for name, text in chosen.items()}
    metadata = {"labels": {"tcp-sniffer/inject": "true"}} | draw(
        st.sampled_from([{"name": "web"}, {"generateName": "web-"}, {"name": "web", "namespace": "shop"}])
    )
    if annotations or draw(st.booleans()):
        metadata |= {"annotations": annotations}
    spec: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {"containers": st.lists(_CONTAINERS, min_size=1, max_size=3, unique_by=lambda one: str(one["name"]))},
            optional={
                "initContainers": st.lists(_CONTAINERS, max_size=2, unique_by=lambda one: str(one["name"])),
                "volumes": st.lists(_VOLUMES, max_size=2, unique_by=lambda one: str(one["name"])),
                "restartPolicy": st.sampled_from(["Always", "Never", "OnFailure"]),
                "terminationGracePeriodSeconds": st.integers(0, 3600),
                "resources": _RESOURCES,
            },
        )
    )
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pods(), st.sampled_from([NEW, OLD]), st.sampled_from([None, "ports: [80]\n", "outputStdout: true\n", "{"]))
def test_any_pod(manifest: Json, cluster: Cluster, config_map: str | None) -> None:
    before = copy.deepcopy(manifest)
    decision = decided(manifest, cluster=cluster, config_map=config_map)
    view = Pod(manifest, "shop")
    operations = patch.inject(view, decision, SETTINGS) if isinstance(decision, Inject) else patch.note(view, decision)
    assert manifest == before
    patched: Json = jsonpatch.apply_patch(manifest, operations)
    kubernetes_validate.validate(patched, "1.34", strict=True)
    again = decided(patched, cluster=cluster, config_map=config_map)
    if isinstance(decision, Inject):
        assert not isinstance(again, Inject)
        assert again.reason == "already_injected"
    else:
        assert again == decision
        assert patch.note(Pod(patched, "shop"), again) == []
    for kind in ("containers", "initContainers"):
        others = [one for one in patched["spec"].get(kind, []) if one["name"] != "tcp-sniffer"]
        assert others == before["spec"].get(kind, [])


_ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _mostly(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(right, right, right, _ANYTHING)


_REQUESTS = st.fixed_dictionaries(
    {
        "uid": _mostly(st.just("1")),
        "resource": _mostly(st.just({"group": "", "version": "v1", "resource": "pods"})),
        "object": _mostly(pods() | st.fixed_dictionaries({"metadata": _ANYTHING, "spec": _ANYTHING})),
    },
    optional={
        "subResource": _mostly(st.just("")),
        "namespace": _mostly(st.just("shop")),
        "operation": _mostly(st.sampled_from(["CREATE", "UPDATE"])),
    },
)
_REVIEWS = st.fixed_dictionaries(
    {"apiVersion": st.just(API_VERSION), "kind": st.just("AdmissionReview"), "request": _mostly(_REQUESTS)}
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_REVIEWS | _ANYTHING)
def test_any_review(body: Any) -> None:
    try:
        request = parse(body)
    except ReviewError as error:
        assert str(error)
        return
    outcome = review(request, Namespace("shop", {"tcp-sniffer/inject": "true"}), ConfigMap(None), SETTINGS, NEW)
    assert outcome.response["response"]["uid"] == body["request"]["uid"]
    assert outcome.response["response"]["allowed"] is (outcome.result != "denied")
    json.dumps(outcome.response)
