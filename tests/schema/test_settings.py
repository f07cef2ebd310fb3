"""The checked configuration: what cannot be changed, and what the engine gets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from configuring import Load

from appliance.config import gather
from appliance.config.fields import fields

MIB = 1 << 20


def test_nothing_can_be_changed(load: Load) -> None:
    settings = load("ports: [1]\nexclude: [{path: /a}]")
    for mapping in (settings.values, settings.values["outputBatch"], settings.values["exclude"][0], settings.placement):
        with pytest.raises(TypeError):
            mapping["path"] = "/b"  # type: ignore[index]
    assert isinstance(settings.values["ports"], tuple)
    with pytest.raises(AttributeError):
        settings.engine = 1  # type: ignore[attr-defined]


def test_defaults_of_lists_are_not_shared(load: Load) -> None:
    draft = gather(None, {"PORTS": "1"}, {})
    draft.values["redactFields"].append("x")
    assert load(None, {"PORTS": "1"}).values["redactFields"] == ()


def test_placement(load: Load) -> None:
    env = {"PORTS": "1", "POD_NAME": "web-1", "NODE_NAME": "n", "NAMESPACE": ""}
    settings = load(None, env)
    assert settings.placement == {"pod": "web-1", "node": "n"}
    assert json.loads(settings.engine_json())["source"] == {"pod": "web-1", "node": "n"}
    assert "source" not in json.loads(load(None, {"PORTS": "1"}).engine_json())


def test_a_placement_that_is_no_utf8_still_makes_json(load: Load) -> None:
    settings = load(None, {"PORTS": "1", "POD_NAME": "a\udc80"})
    assert json.loads(settings.engine_json())["source"] == {"pod": "a?"}


def test_what_the_engine_gets(load: Load) -> None:
    yaml = """
ports: [8080, "9000-9100"]
interface: eth0
captureFilter: not host 10.0.0.7
exclude: [{header: {name: User-Agent}}]
redactFields: [password]
outputUrl: https://user:secret@collector/
maxMemory: 33554432
"""
    document = json.loads(load(yaml).engine_json())
    assert document == {
        "interface": "eth0",
        "ports": [8080, "9000-9100"],
        "captureDirection": "both",
        "captureFilter": "not host 10.0.0.7",
        "captureBufferSize": 8 * MIB,
        "sampleRate": 1,
        "maxBodySize": 65536,
        "maxHeaderSize": 65536,
        "maxRecordSize": MIB,
        "maxConcurrentConnections": 10000,
        "connectionIdleTimeoutMs": 300000,
        "decodeBody": False,
        "redactFields": ["password"],
        "redactUnparsable": "withhold",
        "exclude": [{"header": {"name": "User-Agent"}}],
        "outputConnections": False,
        "logSamples": False,
        "redactHeaders": ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token"],
        "maxMemory": 24 * MIB,
    }


def test_before_and_after_validation_it_is_the_same() -> None:
    draft = gather(None, {"PORTS": "1,5-9", "OUTPUT_STDOUT": "1", "REDACT_HEADERS": "x-a"}, {})
    replay = {"files": ["-"], "speed": 0}
    early = draft.engine_json(callbacks=1, replay=replay)
    assert early == draft.validate().engine_json(callbacks=1, replay=replay)
    assert json.loads(early)["replay"] == replay


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("redactHeaders: [X-B, Cookie]", [*fields()["redactHeaders"].schema["x-builtin"], "x-b"]),
        ("redactHeaders: [X-B, Cookie]\nredactBuiltin: false", ["x-b", "cookie"]),
        ("redactBuiltin: false", []),
    ],
)
def test_redacted_headers(load: Load, yaml: str, expected: list[str]) -> None:
    assert json.loads(load("ports: [1]\n" + yaml).engine_json())["redactHeaders"] == expected


# maxMemory, outputQueueSize, outputs → the queue of each, what is left for the engine.
SHARES: list[tuple[int, int, dict[str, Any], int, int, int]] = [
    (128, 8, {}, 0, 8, 128),
    (128, 8, {"outputStdout": True}, 0, 8, 120),
    (128, 8, {"outputStdout": True, "outputUrl": "https://c/"}, 0, 8, 112),
    (128, 8, {"outputStdout": True, "outputUrl": "https://c/"}, 1, 8, 104),
    (16, 8, {"outputStdout": True}, 0, 8, 8),
    (12, 8, {"outputStdout": True}, 0, 6, 6),
    (12, 8, {"outputStdout": True, "outputUrl": "https://c/"}, 0, 3, 6),
    (8, 64, {}, 1, 4, 4),
]


@pytest.mark.parametrize(("memory", "queue", "outputs", "callbacks", "size", "engine"), SHARES)
def test_shares_of_the_memory(
    load: Load, memory: int, queue: int, outputs: dict[str, Any], callbacks: int, size: int, engine: int
) -> None:
    settings = load("ports: [1]", maxMemory=memory * MIB, outputQueueSize=queue * MIB, **outputs)
    assert settings.queue_size(callbacks) == size * MIB
    assert json.loads(settings.engine_json(callbacks=callbacks))["maxMemory"] == engine * MIB


def test_records_that_no_queue_can_hold_are_worth_a_warning(load: Load) -> None:
    (warning,) = load("ports: [1]", maxRecordSize=9 * MIB).warnings
    assert warning.startswith(f"maxRecordSize ({9 * MIB}) is above an output's queue ({8 * MIB} bytes")


@pytest.mark.parametrize(("trigger", "size"), [("always", 5 * MIB // 2), ("match", 3 * MIB // 2)])
def test_records_above_the_engines_queue_are_warned_of(load: Load, trigger: str, size: int) -> None:
    """It has at most three eighths of what the outputs leave (here there are none), a quarter beside a match; less
    half a MiB for what lies there beside them."""
    text = f"ports: [1]\nrecording: {{enabled: true, trigger: {trigger}, triggerStatus: 500}}"

    def told(largest: int) -> list[str]:
        return [one for one in load(text, maxMemory=8 * MIB, maxRecordSize=largest).warnings if "maxRecordSize" in one]

    assert told(size) == []
    (warning,) = told(size + 1)
    assert warning.startswith(f"maxRecordSize ({size + 1}) is above the engine's queue ({size} bytes")
