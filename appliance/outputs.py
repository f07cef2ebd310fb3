"""The sinks that a configuration asks for."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from appliance.config import ConfigError, Problem, Settings, hide_url
from appliance.sinks import Sink
from appliance.sinks.stdout import StdoutSink
from appliance.sinks.writer import Render
from appliance.version import version

if TYPE_CHECKING:
    import ssl

    from appliance.sinks.http import HttpSink
    from appliance.sinks.own import Exclude
    from appliance.sinks.spool import SpoolOptions

_log = logging.getLogger("tcp_sniffer.stdout")


def build(
    settings: Settings,
    *,
    instance: str,
    exclude: Exclude,
    queue_size: int,
    render: Render | None = None,
    on_stdout_closed: Callable[[], None] | None = None,
) -> list[Sink]:
    sinks: list[Sink] = []
    if settings.values["outputStdout"]:
        sinks.append(_stdout(queue_size, render, on_stdout_closed))
    if "outputUrl" in settings.values:
        sinks.append(_http(settings, instance, exclude, queue_size))
    return sinks


def stdout_failed(error: OSError) -> None:
    """The one line about a reader that is gone or a disk that is full."""
    _log.error(
        "standard output takes no more records: this output ends, the capture goes on",
        extra={"event": "sink_closed", "sink": "stdout", "error": error.strerror or str(error)},
    )


def _stdout(queue_size: int, render: Render | None, on_closed: Callable[[], None] | None) -> StdoutSink:
    def on_error(error: OSError) -> None:
        stdout_failed(error)
        if on_closed:
            on_closed()

    return StdoutSink(sys.stdout.fileno(), queue_size, on_error, render)


def _http(settings: Settings, instance: str, exclude: Exclude, queue_size: int) -> HttpSink:
    from appliance.sinks.http import HttpSink, PostOptions
    from appliance.sinks.own import DELIVERY_HEADER
    from appliance.sinks.session import open_session, without_user

    values = settings.values
    context = _tls(values)
    token = settings.secrets.output_url_auth_token
    url, authorization = without_user(values["outputUrl"])
    headers = {"User-Agent": f"tcp-sniffer/{version()}", DELIVERY_HEADER: instance}
    if token or authorization:
        headers["Authorization"] = f"Bearer {token}" if token else authorization
    options = PostOptions(
        url=url,
        shown_url=hide_url(values["outputUrl"]),
        instance=instance,
        timeout=values["outputTimeoutMs"] / 1000,
        concurrency=values["outputConcurrency"],
        queue_size=queue_size,
        max_messages=values["outputBatch"]["maxMessages"],
        max_bytes=values["outputBatch"]["maxBytes"],
        max_delay=values["outputBatch"]["maxDelayMs"] / 1000,
        spool=_spool(values["outputSpool"]),
    )
    return HttpSink(
        options,
        lambda keep: open_session(
            exclude=exclude,
            headers=headers,
            connections=options.concurrency,
            tls=context,
            keep=keep,
        ),
    )


def _spool(values: Mapping[str, Any]) -> SpoolOptions | None:
    if "directory" not in values:
        return None
    from appliance.sinks.spool import SpoolOptions

    return SpoolOptions(values["directory"], values["maxBytes"], values["maxAgeSeconds"])


def _tls(values: Mapping[str, Any]) -> ssl.SSLContext:
    """The files were checked with the rest, but one may have changed since."""
    from appliance import tls

    files = {name: values[name] for name in tls.FILES if name in values}
    try:
        return tls.context(files)
    except OSError as error:
        raise ConfigError([Problem(" and ".join(files), "", None, f"PEM files that can be used ({error})")]) from error
