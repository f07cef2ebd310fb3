"""The checked configuration, and what the engine gets to see of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from appliance.config.fields import fields

# POSIX's portable file name character set (IEEE 1003.1, 3.282), and nothing else.
_UNSAFE = re.compile("[^A-Za-z0-9._-]")

# What the engine reads as it is; `redactHeaders` and `maxMemory` it gets in a form of their own.
_ENGINE_FIELDS = (
    "interface",
    "ports",
    "captureDirection",
    "captureFilter",
    "captureBufferSize",
    "sampleRate",
    "maxBodySize",
    "maxHeaderSize",
    "maxRecordSize",
    "maxConcurrentConnections",
    "connectionIdleTimeoutMs",
    "decodeBody",
    "redactFields",
    "redactUnparsable",
    "exclude",
    "outputConnections",
    "logSamples",
)


class Secrets(NamedTuple):
    """What is never shown. Its repr does not either: a traceback or a log line may hold it."""

    output_url_auth_token: str | None = None
    recording_anonymize_key: str | None = None

    def __repr__(self) -> str:
        return "Secrets(hidden)"


class Settings:
    """A configuration that is valid. Nothing of it can be changed."""

    __slots__ = ("_origin", "_plain", "placement", "secrets", "values", "warnings")

    def __init__(
        self,
        values: dict[str, Any],
        *,
        origin: Callable[[str], str],
        secrets: Secrets,
        placement: Mapping[str, str],
        warnings: list[str],
    ) -> None:
        self._plain = values
        self._origin = origin
        self.values: Mapping[str, Any] = _frozen(values)
        self.secrets = secrets
        self.placement = MappingProxyType(dict(placement))
        self.warnings = tuple(warnings)

    def origin(self, path: str) -> str:
        """Where the field's value came from: "sniffer.yaml:3", "environment PORTS", "option --ports", "default"."""
        return self._origin(path)

    def queue_size(self, callbacks: int = 0) -> int:
        """Bytes for the queue of each output; `callbacks` are outputs beside the configured ones."""
        return queue_size(self._plain, callbacks)

    def engine_json(self, *, callbacks: int = 0, replay: Mapping[str, Any] | None = None) -> str:
        """The configuration as sniffer_open wants it."""
        return engine_json(self._plain, self.placement, self.secrets, callbacks, replay)


def engine_json(
    values: Mapping[str, Any],
    placement: Mapping[str, str],
    secrets: Secrets,
    callbacks: int,
    replay: Mapping[str, Any] | None,
) -> str:
    document = {name: values[name] for name in _ENGINE_FIELDS if name in values}
    if values["recording"]["enabled"] and replay is None:
        document["recording"] = _recording(values["recording"], placement, secrets)
        document["reassemble"] = reads_messages(values, callbacks)
    document["redactHeaders"] = _redacted_headers(values)
    document["maxMemory"] = engine_memory(values, callbacks)
    if placement:
        document["source"] = dict(placement)
    if replay is not None:
        document["replay"] = dict(replay)
    return json.dumps(document, separators=(",", ":"))


def reads_messages(values: Mapping[str, Any], callbacks: int = 0) -> bool:
    """Whether anybody wants the messages; with the recording alone nothing is reassembled."""
    recording = values["recording"]
    alone = recording["enabled"] and recording["trigger"] == "always"
    return not alone or _sinks(values, callbacks) > 0 or "otlpEndpoint" in values


def _recording(recording: Mapping[str, Any], placement: Mapping[str, str], secrets: Secrets) -> dict[str, Any]:
    document = {**recording, "prefix": recording_prefix(recording, placement)}
    if recording["anonymize"] != "none":
        document["anonymizeKey"] = secrets.recording_anonymize_key
    return document


def recording_prefix(recording: Mapping[str, Any], placement: Mapping[str, str]) -> str:
    """`<label>-<identity>-<container>`, what is not set left out, in letters that every file system takes."""
    parts = (recording.get("label"), recording.get("identity", placement.get("pod")), recording.get("container"))
    name = "-".join(_UNSAFE.sub("_", part) for part in parts if part)
    # A name has 255 bytes, the number and the suffixes take some of them. A leading dot would hide it.
    return name[:200].lstrip(".") or "capture"


def _sinks(values: Mapping[str, Any], callbacks: int) -> int:
    return callbacks + bool(values["outputStdout"]) + ("outputUrl" in values)


def queue_size(values: Mapping[str, Any], callbacks: int = 0) -> int:
    """The queues take part in `maxMemory`: at most half of it, in equal shares."""
    share: int = values["maxMemory"] // (2 * max(_sinks(values, callbacks), 1))
    size: int = values["outputQueueSize"]
    return min(size, share)


def engine_memory(values: Mapping[str, Any], callbacks: int = 0) -> int:
    """What the outputs' queues leave of `maxMemory`."""
    size: int = values["maxMemory"] - _sinks(values, callbacks) * queue_size(values, callbacks)
    return size


def engine_queue_size(values: Mapping[str, Any]) -> int:
    """What the engine's own queue gets of that at most (`ring_limit` in native/src/engine.cc), but for the batches that
    lie there beside a record (`kBesideTheLargest` in native/src/ring.h)."""
    recording = values["recording"]
    quarter = engine_memory(values) // 4
    most = quarter if recording["enabled"] and recording["trigger"] == "match" else quarter + quarter // 2
    return most - (512 << 10)


def _redacted_headers(values: Mapping[str, Any]) -> list[str]:
    builtin = fields()["redactHeaders"].schema["x-builtin"] if values["redactBuiltin"] else []
    # A dictionary keeps the order and drops what is named twice.
    return list(dict.fromkeys(name.lower() for name in [*builtin, *values["redactHeaders"]]))


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return MappingProxyType({key: _frozen(part) for key, part in value.items()})
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
