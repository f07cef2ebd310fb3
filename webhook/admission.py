"""The webhook's paths over HTTP: reviews, health, metrics."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from appliance.metrics import prometheus
from webhook import names
from webhook.lookup import Lookup, UnknownError
from webhook.metrics import Metrics
from webhook.recording import may_record
from webhook.review import Outcome, Request, ReviewError, parse, review
from webhook.settings import Settings
from webhook.tls import Certificate

_log = logging.getLogger("tcp_sniffer.webhook")

MAX_BODY = 3 << 20
# Bytes. Reviews up to this size are read and answered side by side, larger ones one by one: what JSON becomes in
# memory is up to thirty times as large, and most pods are below a third of this.
MAX_SMALL = 32 << 10
# Seconds. A webhook's own longest; the API server says its own as `?timeout=5s`, of which a part is left to the way.
_LONGEST = 10.0
_FOR_THE_WAY = 0.9


class RefusalError(Exception):
    """What is answered in place of a review."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class Admission:
    def __init__(self, settings: Settings, lookup: Lookup, certificate: Certificate) -> None:
        self.settings = settings
        self._lookup = lookup
        self._certificate = certificate
        self._metrics = Metrics()
        # From then on connections are closed after their answer, and the Service sends no new ones.
        self.draining = False
        self._large = asyncio.Semaphore(1)

    def app(self, *outer: Middleware) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY, middlewares=[*outer, self._plain])
        app.router.add_post("/mutate/namespace", self._mutate_namespace)
        app.router.add_post("/mutate/pod", self._mutate_pod)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics_text)
        return app

    @web.middleware
    async def _plain(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every refusal is a status and a sentence; a fault of ours is a 500, so that failurePolicy applies."""
        try:
            response = await handler(request)
        except RefusalError as error:
            response = web.Response(status=error.status, text=f"tcp-sniffer-webhook: {error}\n")
        except web.HTTPException as error:
            response = web.Response(status=error.status, headers=_allowed(error), text=f"{error.text}\n")
        except Exception as error:  # noqa: BLE001 whatever it is, the API server is to know
            _log.exception("a fault of the webhook's own", extra={"event": "fault", "path": request.path})
            response = web.Response(status=500, text=f"tcp-sniffer-webhook: {type(error).__name__}, see its log\n")
        if self.draining:
            response.force_close()
        return response

    async def _mutate_namespace(self, request: web.Request) -> web.Response:
        return await self._mutate(request, by_namespace=True)

    async def _mutate_pod(self, request: web.Request) -> web.Response:
        return await self._mutate(request, by_namespace=False)

    async def _mutate(self, http: web.Request, *, by_namespace: bool) -> web.Response:
        if not self._certificate.is_trusted(http.get_extra_info("peercert")):
            raise RefusalError(HTTPStatus.FORBIDDEN, "reviews are answered to clients with a certificate (--client-ca)")
        end = _end(http)
        if http.content_length is not None and http.content_length <= MAX_SMALL:
            return await self._answer(http, end, by_namespace=by_namespace)
        try:
            async with asyncio.timeout_at(end):
                await self._large.acquire()
        except TimeoutError as error:
            raise RefusalError(
                HTTPStatus.SERVICE_UNAVAILABLE, "other large reviews were answered until the deadline"
            ) from error
        try:
            return await self._answer(http, end, by_namespace=by_namespace)
        finally:
            self._large.release()

    async def _answer(self, http: web.Request, end: float, *, by_namespace: bool) -> web.Response:
        began = time.perf_counter()
        request, dry_run = _request(await _json(http, end))
        outcome: Outcome | None = None
        failure = "fault"
        try:
            async with asyncio.timeout_at(end):
                outcome = await self._review(request, by_namespace=by_namespace)
            return web.json_response(outcome.response)
        except UnknownError as error:
            failure = "namespace_unknown"
            raise RefusalError(HTTPStatus.INTERNAL_SERVER_ERROR, str(error)) from error
        except TimeoutError as error:
            failure = "deadline"
            raise RefusalError(HTTPStatus.INTERNAL_SERVER_ERROR, "no decision before the deadline") from error
        finally:
            result, reason = (outcome.result, outcome.reason) if outcome else ("failed", failure)
            seconds = time.perf_counter() - began
            self._metrics.reviewed(result, reason, seconds)
            _log_review(request, result, reason, seconds, dry_run=dry_run)

    async def _review(self, request: Request, *, by_namespace: bool) -> Outcome:
        namespace, config_map = await asyncio.gather(
            self._lookup.namespace(request.namespace), self._lookup.config_map(request.namespace)
        )
        if may_record(request.pod, config_map):
            claim = await self._lookup.captures_claim(request.namespace)
            namespace = replace(namespace, has_captures_claim=claim)
        if by_namespace:
            # The API server matched this label a moment ago: what is remembered here may be older.
            namespace = replace(namespace, labels={**namespace.labels, names.INJECT: "true"})
        return review(request, namespace, config_map, self.settings, self._lookup.cluster)

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        if self.draining:
            return web.Response(status=503, text="draining\n")
        if not self._lookup.is_ready:
            return web.Response(status=503, text="asking for the cluster's versions\n")
        return web.Response(text="ok\n")

    async def _metrics_text(self, _request: web.Request) -> web.Response:
        families = self._metrics.families(self._lookup.failures, self._certificate.expires)
        text = prometheus.render(families)
        return web.Response(body=text.encode(), headers={"Content-Type": prometheus.CONTENT_TYPE})


async def _json(request: web.Request, end: float) -> Any:
    if request.content_type != "application/json":
        raise RefusalError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected a body of Content-Type: application/json")
    try:
        async with asyncio.timeout_at(end):
            return json.loads(await request.read())
    except web.HTTPRequestEntityTooLarge as error:
        raise RefusalError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected a body of at most {MAX_BODY >> 20} MiB"
        ) from error
    except TimeoutError as error:
        raise RefusalError(HTTPStatus.REQUEST_TIMEOUT, "expected the whole body before the deadline") from error
    except (ValueError, RecursionError) as error:
        raise RefusalError(HTTPStatus.BAD_REQUEST, f"expected JSON ({error})") from error


def _allowed(error: web.HTTPException) -> dict[str, str]:
    """The methods that a path knows, with a 405 (RFC 9110, 15.5.6)."""
    return {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}


def _request(body: Any) -> tuple[Request, bool]:
    """And whether it is a dry run."""
    try:
        return parse(body), body["request"].get("dryRun") is True
    except ReviewError as error:
        raise RefusalError(HTTPStatus.BAD_REQUEST, str(error)) from error


def _end(request: web.Request) -> float:
    """Of all that may be waited for before its answer, by the loop's clock: the deadline of a request that came now."""
    return asyncio.get_running_loop().time() + _deadline(request)


def _deadline(request: web.Request) -> float:
    """Seconds."""
    text = request.query.get("timeout", "").removesuffix("s")
    try:
        asked = float(text)
    except ValueError:
        asked = _LONGEST
    return min(asked, _LONGEST) * _FOR_THE_WAY if asked > 0 else _LONGEST


def _log_review(request: Request, result: str, reason: str, seconds: float, *, dry_run: bool) -> None:
    _log.log(
        logging.ERROR if result == "failed" else logging.INFO,
        "a pod was reviewed",
        extra={
            "event": "review",
            "namespace": request.namespace,
            "pod": request.pod.name,
            "outcome": result,
            "reason": reason,
            "uid": request.uid,
            "dryRun": dry_run,
            "durationMs": round(seconds * 1000, 3),
        },
    )
