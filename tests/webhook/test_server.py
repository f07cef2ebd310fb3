"""The server over real TLS on loopback: what it answers, and what it logs and counts."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import ssl
from typing import Any

import aiohttp
import jsonpatch
import pytest
from api import Api, certificate_for
from conftest import NAMESPACE, Serve, Serving, review_of

from webhook.admission import MAX_BODY

pytestmark = pytest.mark.timeout(180)

CONFIG_MAP = f"{NAMESPACE}/configmaps/tcp-sniffer"
CLAIM = f"{NAMESPACE}/persistentvolumeclaims/tcp-sniffer-captures"
SECRET_VALUE = "hunter2-in-the-environment"  # noqa: S105


def pod(**metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web-0", "labels": {"tcp-sniffer/inject": "true"}, **metadata},
        "spec": {
            "containers": [
                {
                    "name": "app",
                    "image": "nginx",
                    "ports": [{"containerPort": 8080}],
                    "env": [{"name": "PASSWORD", "value": SECRET_VALUE}],
                }
            ]
        },
    }


async def mutate(serving: Serving, body: Any, path: str = "/mutate/pod") -> dict[str, Any]:
    async with serving.client() as client, client.post(path, json=body) as answer:
        assert answer.status == 200, await answer.text()
        response: dict[str, Any] = (await answer.json())["response"]
        return response


def patched(manifest: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = jsonpatch.apply_patch(manifest, json.loads(base64.b64decode(response["patch"])))
    return result


async def metrics(serving: Serving) -> str:
    async with serving.client() as client, client.get("/metrics") as answer:
        return await answer.text()


async def test_a_labelled_pod_gets_the_sidecar(serve: Serve) -> None:
    serving = await serve()
    response = await mutate(serving, review_of(pod(), uid="a-uid-of-its-own"))
    assert response["uid"] == "a-uid-of-its-own"
    sidecar = patched(pod(), response)["spec"]["initContainers"][0]
    assert (sidecar["name"], sidecar["restartPolicy"]) == ("tcp-sniffer", "Always")  # by the API server's 1.34
    line = await serving.logged("review")
    assert (line["namespace"], line["pod"], line["outcome"]) == ("shop", "web-0", "injected")
    assert 'reviews_total{outcome="injected",reason="injected"} 1' in await metrics(serving)


async def test_the_path_says_that_the_namespace_is_labelled(serve: Serve) -> None:
    """The API server matched the label a moment ago; what is remembered of the namespace may be older."""
    serving = await serve()
    response = await mutate(serving, review_of(pod(labels={})), "/mutate/namespace")
    assert "patch" in response
    assert "patch" not in await mutate(serving, review_of(pod(labels={})), "/mutate/pod")


async def test_the_log_names_a_generated_pod_and_no_values(serve: Serve) -> None:
    serving = await serve()
    manifest = pod(name=None, generateName="web-7d4b-", annotations={"tcp-sniffer/ports": "eighty"})
    response = await mutate(serving, review_of(manifest, dryRun=True))
    assert "invalid_annotation" in response["warnings"][0]
    line = await serving.logged("review")
    assert (line["pod"], line["reason"], line["dryRun"]) == ("web-7d4b-*", "invalid_annotation", True)
    await serving.stop()
    assert SECRET_VALUE not in json.dumps(serving.log)


async def test_deny_is_told_to_the_api_server(serve: Serve) -> None:
    serving = await serve(settings="onInvalid: deny\n")
    manifest = pod(annotations={"tcp-sniffer/ports": "eighty"})
    response = await mutate(serving, review_of(manifest))
    assert not response["allowed"]
    assert "tcp-sniffer/ports" in response["status"]["message"]
    assert "eighty" in response["status"]["message"]


async def test_the_namespaces_config_map_counts(serve: Serve, api: Api) -> None:
    api.put(CONFIG_MAP, data={"sniffer.yaml": "ports: [nonsense]\n"})
    response = await mutate(await serve(), review_of(pod()))
    assert "invalid_config_map" in response["warnings"][0]


@pytest.mark.parametrize("there", [True, False])
async def test_the_namespaces_claim_is_looked_for_where_a_pod_records(serve: Serve, api: Api, there: bool) -> None:
    if there:
        api.put(CLAIM)
    serving = await serve()
    await mutate(serving, review_of(pod()))
    assert api.calls["GET", CLAIM] == 0
    recorded = pod(annotations={"tcp-sniffer/recording": "true"})
    volumes = patched(recorded, await mutate(serving, review_of(recorded)))["spec"]["volumes"]
    (captures,) = [volume for volume in volumes if volume["name"] == "tcp-sniffer-captures"]
    assert ("persistentVolumeClaim" if there else "ephemeral") in captures
    assert api.calls["GET", CLAIM] == 1


async def test_a_claim_that_may_not_be_read_is_told(serve: Serve, api: Api) -> None:
    api.forbidden.add(CLAIM)
    response = await mutate(await serve(), review_of(pod(annotations={"tcp-sniffer/recording": "true"})))
    assert "tcp-sniffer-captures could not be looked for" in response["warnings"][0]


async def test_pod_security_is_read_from_the_namespace(serve: Serve, api: Api) -> None:
    api.put(NAMESPACE, metadata={"labels": {"pod-security.kubernetes.io/enforce": "restricted"}})
    response = await mutate(await serve(), review_of(pod()))
    assert "pod_security" in response["warnings"][0]


async def test_facts_are_remembered(serve: Serve, api: Api) -> None:
    serving = await serve()
    await asyncio.gather(*(mutate(serving, review_of(pod())) for _ in range(20)))
    # More than one only where the machine was so slow that what was remembered grew old meanwhile.
    assert 1 <= api.calls["GET", NAMESPACE] <= 5
    assert 1 <= api.calls["GET", CONFIG_MAP] <= 5


async def test_an_older_cluster_is_asked_for_its_nodes(serve: Serve, api: Api) -> None:
    """KEP-753: by default from 1.29 on. A kubelet is at most three versions older than its API server."""
    api.objects["/version"] = {"major": "1", "minor": "31+"}
    api.objects["/api/v1/nodes"] = {
        "items": [{"status": {"nodeInfo": {"kubeletVersion": version}}} for version in ("v1.31.0", "v1.28.9")]
    }
    serving = await serve()
    response = await mutate(serving, review_of(pod()))
    assert api.calls["GET", "/api/v1/nodes"] == 1
    assert "initContainers" not in patched(pod(), response)["spec"]


async def test_a_config_map_that_does_not_come_in_time_is_done_without(serve: Serve, api: Api) -> None:
    serving = await serve()
    await mutate(serving, review_of(pod()))
    api.delay = 30
    api.objects.pop("/version")
    response = await _after_the_memory_is_old(serving)
    assert "patch" in response
    assert "no answer within 500 ms" in response["warnings"][0]
    assert 'lookup_failures_total{what="config_map"} 1' in await metrics(serving)


async def _after_the_memory_is_old(serving: Serving) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            response = await mutate(serving, review_of(pod()))
            if "warnings" in response:
                return response
            await asyncio.sleep(0.5)


async def test_an_unknown_namespace_is_a_fault(serve: Serve, api: Api) -> None:
    """It might refuse NET_RAW, and the sidecar would cost the pod its start: failurePolicy decides."""
    serving = await serve()
    api.broken = True
    async with serving.client() as client, client.post("/mutate/pod?timeout=5s", json=review_of(pod())) as answer:
        assert answer.status == 500
        assert "namespace shop could not be read" in await answer.text()
    assert (await serving.logged("review"))["reason"] == "namespace_unknown"
    assert 'reviews_total{outcome="failed",reason="namespace_unknown"} 1' in await metrics(serving)


async def test_the_deadline_of_the_api_server_holds(serve: Serve, api: Api) -> None:
    serving = await serve()
    api.delay = 30
    async with serving.client() as client, client.post("/mutate/pod?timeout=0.2s", json=review_of(pod())) as answer:
        assert (answer.status, await answer.text()) == (500, "tcp-sniffer-webhook: no decision before the deadline\n")


REFUSED = [
    ("not JSON", b"{", "application/json", 400, "expected JSON"),
    ("nested beyond all depth", b"[" * 100_000, "application/json", 400, "expected JSON"),
    ("another kind", b'{"kind": "Pod"}', "application/json", 400, "expected an AdmissionReview of admission.k8s.io/v1"),
    ("another type", b"{}", "text/plain", 415, "expected a body of Content-Type: application/json"),
    ("too large", b" " * (MAX_BODY + 1), "application/json", 413, "expected a body of at most 3 MiB"),
]


async def test_anything_else_is_refused_clearly(serve: Serve) -> None:
    serving = await serve()
    async with serving.client() as client:
        for what, body, content_type, status, text in REFUSED:
            headers = {"Content-Type": content_type}
            async with client.post("/mutate/pod", data=io.BytesIO(body), headers=headers) as answer:
                assert (answer.status, text in await answer.text()) == (status, True), what
        async with client.get("/mutate/pod") as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        async with client.post("/mutate", json={}) as answer:
            assert answer.status == 404
        # A review that is as large as one may be is one.
        padded = json.dumps(review_of(pod())).encode().ljust(MAX_BODY)
        headers = {"Content-Type": "application/json"}
        async with client.post("/mutate/pod", data=io.BytesIO(padded), headers=headers) as answer:
            assert answer.status == 200


async def test_a_review_cannot_choose_what_is_asked_for(serve: Serve, api: Api) -> None:
    """The webhook's rights are not those of whoever may connect to it."""
    serving = await serve()
    before = api.calls.copy()
    async with serving.client() as client:
        for name in ("../../../version", "shop/secrets/token?x=", "shop%2Fsecrets", "..", "shop\n"):
            for body in (review_of(pod(), namespace=name), review_of(pod(namespace=name), namespace="")):
                async with client.post("/mutate/pod", json=body) as answer:
                    assert (answer.status, "`request.namespace`" in await answer.text()) == (400, True), name
    assert api.calls == before


async def test_tls_is_1_2_or_newer(serve: Serve) -> None:
    serving = await serve()
    context = ssl.create_default_context(cadata=serving.trusted.decode())
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with aiohttp.ClientSession(serving.url) as client:
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get("/healthz", ssl=context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    async with aiohttp.ClientSession(serving.url) as client, client.get("/healthz", ssl=context) as answer:
        assert await answer.text() == "ok\n"


async def test_a_new_certificate_is_served_and_open_connections_stay(serve: Serve) -> None:
    serving = await serve()
    host, port = serving.url.removeprefix("https://").split(":")
    context = ssl.create_default_context(cadata=serving.trusted.decode())
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
    assert await _get(reader, writer) == b"ok\n"
    renewed = certificate_for("127.0.0.1")
    serving.lay_certificate(renewed)
    await serving.logged("certificate_loaded", times=2)
    assert await _get(reader, writer) == b"ok\n"
    writer.close()
    # The new one's authority alone is trusted now.
    serving.trusted = renewed.authorities
    await serving.ready()


async def _get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: webhook\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    return await reader.readexactly(3)


async def test_a_broken_certificate_leaves_the_old_one(serve: Serve) -> None:
    serving = await serve()
    good, other = certificate_for("127.0.0.1"), certificate_for("127.0.0.1")
    serving.lay_certificate(type(good)(good.authorities, good.authority_key, good.certificate, other.key))
    assert "the key that belongs to it" in (await serving.logged("certificate_failed"))["message"]
    async with serving.client() as client, client.get("/healthz") as answer:
        assert answer.status == 200


async def test_draining_answers_on_and_closes(serve: Serve) -> None:
    serving = await serve("--drain=3s")
    async with serving.client() as client:
        async with client.get("/readyz") as answer:
            assert answer.status == 200
        serving.process.terminate()
        await serving.logged("draining")
        async with client.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "draining\n")
        async with client.post("/mutate/pod", json=review_of(pod())) as answer:
            assert (answer.status, answer.headers.get("Connection")) == (200, "close")
    assert await serving.stop() == 0


async def test_settings_are_loaded_again(serve: Serve, tmp_path: Any) -> None:
    serving = await serve()
    (tmp_path / "settings-0.yaml").write_text("image: [1]\n")
    assert "image" in (await serving.logged("settings_invalid"))["message"]
    (tmp_path / "settings-0.yaml").write_text("image: registry.example/sniffer:2\n")
    await serving.logged("settings_loaded")
    response = await mutate(serving, review_of(pod()))
    assert patched(pod(), response)["spec"]["initContainers"][0]["image"] == "registry.example/sniffer:2"
