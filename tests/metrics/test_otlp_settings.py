"""What OpenTelemetry's own variables change, and what a collector that is not there does: nothing."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import web
from certificates import Authority
from servers import Collector, collecting, get, listening, serving, silence, unused_port
from sniffing import Sniffing, until
from target import ask

OFTEN = {"OTEL_METRIC_EXPORT_INTERVAL": "200"}


class Export(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


@contextlib.asynccontextmanager
async def taking(authority: Authority | None = None) -> AsyncIterator[tuple[str, list[Export]]]:
    """A collector that only keeps what came. Gives its URL."""
    exports: list[Export] = []

    async def take(request: web.Request) -> web.Response:
        exports.append(Export(request.path_qs, dict(request.headers), await request.read()))
        return web.Response()

    async with serving(take, tls=authority.server() if authority else None) as port:
        yield f"{'https' if authority else 'http'}://127.0.0.1:{port}", exports


async def exports_of(folder: Path, target: int, exports: list[Export], *options: str, **env: str) -> Export:
    """The first export of a sniffer with this environment."""
    async with Sniffing(folder / "s", "--ports", str(target), *options, env=OFTEN | env) as sniffing:
        await sniffing.until_event("start")
        await until(lambda: exports, "an export")
        assert await sniffing.stop() == 0
    return exports[0]


async def test_the_standard_variables(tmp_path: Path, target: int) -> None:
    async with taking() as (url, exports):
        export = await exports_of(
            tmp_path,
            target,
            exports,
            OTEL_EXPORTER_OTLP_ENDPOINT=url + "/base/",
            OTEL_EXPORTER_OTLP_HEADERS="api-key=abc",
            OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        )
    assert export.path == "/base/v1/metrics"
    assert export.headers["api-key"] == "abc"
    assert export.headers["Content-Encoding"] == "gzip"
    assert export.headers["Content-Type"] == "application/x-protobuf"


async def test_the_endpoint_for_metrics_is_taken_as_it_is(tmp_path: Path, target: int) -> None:
    async with taking() as (url, exports):
        export = await exports_of(
            tmp_path, target, exports, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=url + "/mine", OTLP_ENDPOINT="http://[::1]:9"
        )
    assert export.path == "/mine"


async def test_user_and_query_of_the_url(tmp_path: Path, target: int) -> None:
    async with taking() as (url, exports):
        with_user = url.replace("http://", "http://me:secret@") + "?tenant=7"
        export = await exports_of(tmp_path, target, exports, OTLP_ENDPOINT=with_user)
    assert export.path == "/v1/metrics?tenant=7"
    assert export.headers["Authorization"] == "Basic bWU6c2VjcmV0"


CANARY = "Kanarienvogel"


async def test_no_secret_in_the_log_or_in_what_is_sent(tmp_path: Path, target: int) -> None:
    """Neither the URL's and the variable's own, which come with the request and nowhere else, nor the traffic's."""
    async with taking() as (url, exports):
        endpoint = url.replace("http://", f"http://me:{CANARY}@") + f"?key={CANARY}"
        options = ["--ports", str(target), "--otlp-endpoint", endpoint, "--log-level", "debug", "--output-stdout"]
        options += ["--redact-fields", "token"]
        env = OFTEN | {"OTEL_EXPORTER_OTLP_HEADERS": f"api-key={CANARY}", "POD_NAME": "Dohle-0"}
        async with Sniffing(tmp_path / "s", *options, env=env) as sniffing:
            await sniffing.until_event("otlp_start")
            await get(target, path=f"/200/5?token={CANARY}&n=")
            await sniffing.until_records(2)
            seen = len(exports)
            await until(lambda: len(exports) > seen + 1, "an export that has it")
            assert await sniffing.stop() == 0
    sent = b"".join(export.body for export in exports)
    assert exports[-1].headers["api-key"] == CANARY
    assert CANARY in exports[-1].path
    for artifact in (sent, sniffing.log_text.encode()):
        assert b"Dohle-0" in artifact  # what is no secret is found in it
        assert CANARY.encode() not in artifact
        assert base64.b64encode(f"me:{CANARY}".encode()) not in artifact
    assert CANARY not in json.dumps(sniffing.records)


async def test_tls_by_the_authority_that_the_variable_names(tmp_path: Path, target: int) -> None:
    authority = Authority(tmp_path)
    async with taking(authority) as (url, exports):
        trusted = str(authority.certificate)
        export = await exports_of(
            tmp_path, target, exports, "--otlp-endpoint", url, OTEL_EXPORTER_OTLP_CERTIFICATE=trusted
        )
    assert export.path == "/v1/metrics"


async def test_what_the_sdk_cannot_read_it_says(tmp_path: Path, target: int) -> None:
    async with taking() as (url, exports):
        export = await exports_of(tmp_path, target, exports, OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_COMPRESSION="brotli")
    assert "Content-Encoding" not in export.headers
    assert "Unsupported compression type: brotli" in (tmp_path / "s" / "stderr").read_text()


@pytest.mark.parametrize("switch", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_METRICS_EXPORTER": "none"}, {}])
async def test_nothing_is_imported_unless_asked_for(tmp_path: Path, target: int, switch: dict[str, str]) -> None:
    """The SDK takes megabytes. Without a switch: nothing names a collector."""
    code = """
import atexit, sys
from appliance.cli import main
atexit.register(lambda: print("opentelemetry" in sys.modules, "requests" in sys.modules))
sys.exit(main())
"""
    env = OFTEN | switch | ({"OTLP_ENDPOINT": f"http://127.0.0.1:{unused_port()}"} if switch else {})
    async with Sniffing(tmp_path / "s", "--ports", str(target), env=env, code=code) as sniffing:
        await sniffing.until_event("start")
        await ask(target)
        assert await sniffing.stop() == 0
    assert (tmp_path / "s" / "stdout").read_text() == "False False\n"


@contextlib.asynccontextmanager
async def refusing() -> AsyncIterator[int]:
    yield unused_port()


@contextlib.asynccontextmanager
async def hanging() -> AsyncIterator[int]:
    async with listening(silence) as port:
        yield port


@pytest.mark.parametrize("collector", [refusing, hanging])
async def test_a_collector_that_is_not_there_changes_nothing(tmp_path: Path, target: int, collector: object) -> None:
    """Records go out, the end is not held up, and there is one warning, without what is secret in the URL."""
    assert callable(collector)
    async with collector() as port, collecting(Collector()) as records:
        url = f"http://me:SECRET@127.0.0.1:{port}/?key=SECRET"
        env = OFTEN | {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
        options = ["--ports", str(target), "--output-url", records.url, "--otlp-endpoint", url]
        async with Sniffing(tmp_path / "s", *options, env=env) as sniffing:
            warning = await sniffing.until_event("otlp_failed")
            await ask(target, count=5)
            await until(lambda: len(records.records) == 10, "the records")
            assert await sniffing.stop() == 0
    assert warning["level"] == "warning"
    assert warning["url"] == f"http://***@127.0.0.1:{port}/v1/metrics?***"
    assert len(sniffing.events("otlp_failed")) == 1
    assert "SECRET" not in sniffing.log_text
    assert [line for line in sniffing.log if "event" not in line] == []  # such as the SDK's own words
    assert sniffing.sink("http")["delivered"] == 10


async def test_a_collector_that_refuses_gets_one_warning_and_one_word_when_it_is_back(
    tmp_path: Path, target: int
) -> None:
    collector = Collector(lambda number: web.Response(status=400 if number < 4 else 200))
    async with collecting(collector):
        url = f"http://127.0.0.1:{collector.port}"
        async with Sniffing(tmp_path / "s", "--ports", str(target), "--otlp-endpoint", url, env=OFTEN) as sniffing:
            recovered = await sniffing.until_event("otlp_recovered")
            assert await sniffing.stop() == 0
    (warning,) = sniffing.events("otlp_failed")
    assert "400" in warning["error"]
    assert (warning["failures"], recovered["failures"]) == (1, 4)


@pytest.mark.parametrize(
    ("code", "env", "words"),
    [
        ("import sys; sys.modules['opentelemetry'] = None", {}, "install the extra `otlp`"),
        ("", {"OTEL_METRIC_EXPORT_INTERVAL": "soon"}, "OTEL_METRIC_EXPORT_INTERVAL: expected milliseconds, got 'soon'"),
    ],
    ids=["no SDK", "interval"],
)
async def test_what_cannot_be_sent_is_said_once(
    tmp_path: Path, target: int, code: str, env: dict[str, str], words: str
) -> None:
    """The capture matters more: it goes on."""
    start = f"{code}\nimport sys\nfrom appliance.cli import main\nsys.exit(main())"
    options = ["--ports", str(target), "--output-stdout", "--otlp-endpoint", f"http://127.0.0.1:{unused_port()}"]
    async with Sniffing(tmp_path / "s", *options, env=OFTEN | env, code=start) as sniffing:
        said = await sniffing.until_event("otlp_unavailable")
        await ask(target)
        await sniffing.until_records(2)
        assert await sniffing.stop() == 0
    assert said["level"] == "error"
    assert words in said["error"]
    assert sniffing.events("otlp_failed") == []
