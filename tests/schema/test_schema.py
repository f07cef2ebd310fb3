"""The schema itself: every field once, with what the loader, the docs and the injector read there."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from appliance import schemas
from appliance.config.fields import Field, env_only, fields

MIB, GIB = 1 << 20, 1 << 30

# name: (default, least, most); the limits of what is not a number are tried in test_mistakes.
NUMBERS = {
    "captureBufferSize": (8 * MIB, MIB // 2, GIB),
    "sampleRate": (1, 0, 1),
    "maxBodySize": (65536, 0, GIB),
    "maxHeaderSize": (65536, 256, 16 * MIB),
    "maxRecordSize": (MIB, 4096, 2 * GIB),
    "maxConcurrentConnections": (10000, 1, 1_000_000),
    "connectionIdleTimeoutMs": (300_000, 10, 86_400_000),
    "maxMemory": (None, 8 * MIB, 1 << 40),
    "outputBatch.maxMessages": (1, 1, 100_000),
    "outputBatch.maxBytes": (MIB, 1024, GIB),
    "outputBatch.maxDelayMs": (200, 0, 60_000),
    "outputTimeoutMs": (5000, 10, 600_000),
    "outputConcurrency": (8, 1, 256),
    "outputQueueSize": (8 * MIB, 65536, 64 * GIB),
    "outputSpool.maxBytes": (64 * MIB, 8 * MIB, 1 << 40),
    "outputSpool.maxAgeSeconds": (86_400, 1, 3_153_600_000),
    "recording.snaplen": (262_144, 64, 262_144),
    "recording.rotateBytes": (100 * MIB, 65536, 1 << 40),
    "recording.rotateSeconds": (3600, 1, 31_536_000),
    "recording.maxTotalBytes": (None, 131_072, 1 << 50),
    "recording.maxFiles": (None, 1, 1_000_000),
    "recording.maxAgeSeconds": (None, 1, 3_153_600_000),
    "recording.preTriggerSeconds": (10, 1, 3600),
    "recording.triggerStatus": (None, 100, 999),
    "recording.triggerLatencyMs": (None, 0, 86_400_000),
    "noPacketsWarningMs": (30_000, 0, 86_400_000),
    "statsIntervalMs": (60_000, 0, 86_400_000),
    "shutdownTimeoutMs": (10_000, 0, 3_600_000),
    "shutdownCaptureMs": (2000, 0, 3_600_000),
}

OTHERS: dict[str, Any] = {
    "interface": None,
    "ports": None,
    "captureDirection": "both",
    "captureFilter": None,
    "decodeBody": False,
    "redactHeaders": [],
    "redactBuiltin": True,
    "redactFields": [],
    "redactUnparsable": "withhold",
    "exclude": [],
    "outputConnections": False,
    "outputStdout": False,
    "outputUrl": None,
    "outputSpool.directory": None,
    "outputCaFile": None,
    "outputClientCertFile": None,
    "outputClientKeyFile": None,
    "allowInsecureOutputUrl": False,
    "recording.enabled": False,
    "recording.directory": "/captures",
    "recording.label": None,
    "recording.identity": None,
    "recording.container": None,
    "recording.ports": None,
    "recording.protocols": ["tcp", "udp"],
    "recording.filter": None,
    "recording.format": "pcap",
    "recording.compress": "none",
    "recording.trigger": "always",
    "recording.triggerPath": None,
    "recording.anonymize": "none",
    "recording.streamListen": None,
    "onFatal": "exit",
    "statusListen": None,
    "otlpEndpoint": None,
    "logLevel": "info",
    "logSamples": False,
}

every_field = pytest.mark.parametrize("field", fields().values(), ids=lambda field: field.name)


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(schemas.load(schemas.CONFIGURATION))


def test_every_field_is_there_once_with_its_default() -> None:
    expected = {name: default for name, (default, _, _) in NUMBERS.items()} | OTHERS
    assert {name: field.schema.get("default") for name, field in fields().items()} == expected


@pytest.mark.parametrize("name", NUMBERS)
def test_limits_of_numbers(name: str) -> None:
    schema = fields()[name].schema
    assert (schema["minimum"], schema["maximum"]) == NUMBERS[name][1:]


def test_only_ports_are_required() -> None:
    assert schemas.load(schemas.CONFIGURATION)["required"] == ["ports"]


def test_the_builtin_list_of_headers() -> None:
    assert fields()["redactHeaders"].schema["x-builtin"] == [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "x-auth-token",
    ]


@every_field
def test_a_field_has_all_that_others_read_there(field: Field) -> None:
    schema = field.schema
    assert schema["description"].endswith(".")
    if "default" in schema:
        assert "x-default" not in schema
        assert Draft202012Validator(schema).is_valid(schema["default"])
    for example in schema.get("examples", ()):
        assert Draft202012Validator(schema).is_valid(example)
    if field.kind in ("integer", "number"):
        assert schema["minimum"] < schema["maximum"]


@every_field
def test_names_derive_from_the_field(field: Field) -> None:
    if field.name == "exclude":  # its rules have no form as text
        assert (field.env, field.annotation, field.option) == (None, None, None)
        return
    if field.name == "recording.enabled":  # what the recording has first of all
        assert (field.annotation, field.option) == ("tcp-sniffer/recording", "--recording")
        return
    words = re.sub("([A-Z])", r" \1", field.name.replace(".", " ")).lower().split()
    assert field.env == "_".join(words).upper()
    assert field.annotation == "tcp-sniffer/" + "-".join(words)
    assert field.option == "--" + "-".join(words)


def test_no_variable_is_one_that_kubernetes_sets_for_a_service() -> None:
    variables = [field.env for field in fields().values() if field.env] + list(env_only())
    assert len(set(variables)) == len(variables)
    assert [name for name in variables if re.search(r"._(PORT$|PORT_|SERVICE_)", name)] == []


def test_every_object_refuses_unknown_keys() -> None:
    def closed(schema: Any) -> bool:
        parts = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
        is_object = isinstance(schema, dict) and schema.get("type") == "object"
        return (not is_object or schema["additionalProperties"] is False) and all(map(closed, parts))

    assert closed(schemas.load(schemas.CONFIGURATION))
