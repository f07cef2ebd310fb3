"""Values that come as text: variables, DETECTED_PORTS and options."""

from __future__ import annotations

from typing import Any

import pytest
from configuring import Load, Mistakes

from appliance.config.fields import fields
from appliance.config.ports import fold

# A value of each field as a variable would hold it, and what it becomes.
TEXTS: dict[str, tuple[str, Any]] = {
    "interface": ("eth1", "eth1"),
    "ports": ("8080, 8443,9000-9100", (8080, 8443, "9000-9100")),
    "captureDirection": ("inbound", "inbound"),
    "captureFilter": ("not host 10.0.0.7", "not host 10.0.0.7"),
    "captureBufferSize": ("1048576", 1048576),
    "sampleRate": ("0.5", 0.5),
    "maxBodySize": ("0", 0),
    "maxHeaderSize": ("1024", 1024),
    "maxRecordSize": ("4096", 4096),
    "maxConcurrentConnections": ("1", 1),
    "connectionIdleTimeoutMs": ("1000", 1000),
    "maxMemory": ("16777216", 16777216),
    "decodeBody": ("1", True),
    "redactHeaders": ("x-a, X-B", ("x-a", "X-B")),
    "redactBuiltin": ("false", False),
    "redactFields": ("password", ("password",)),
    "redactUnparsable": ("search", "search"),
    "outputConnections": ("true", True),
    "outputStdout": ("TRUE", True),
    "outputUrl": (" https://collector/x ", "https://collector/x"),
    "outputBatch.maxMessages": ("100", 100),
    "outputBatch.maxBytes": ("2048", 2048),
    "outputBatch.maxDelayMs": ("0", 0),
    "outputTimeoutMs": ("100", 100),
    "outputConcurrency": ("2", 2),
    "outputQueueSize": ("65536", 65536),
    "outputSpool.directory": ("/spool", "/spool"),
    "outputSpool.maxBytes": ("8388608", 8388608),
    "outputSpool.maxAgeSeconds": ("60", 60),
    "outputCaFile": ("/ca.pem", "/ca.pem"),
    "allowInsecureOutputUrl": ("0", False),
    "recording.enabled": ("true", True),
    "recording.directory": ("/data/x", "/data/x"),
    "recording.label": ("team red", "team red"),
    "recording.identity": ("web-0", "web-0"),
    "recording.container": ("web", "web"),
    "recording.ports": ("53,9000-9100", (53, "9000-9100")),
    "recording.protocols": ("udp", ("udp",)),
    "recording.filter": ("not host 10.0.0.7", "not host 10.0.0.7"),
    "recording.format": ("PCAPNG", "pcapng"),
    "recording.snaplen": ("96", 96),
    "recording.rotateBytes": ("65536", 65536),
    "recording.rotateSeconds": ("60", 60),
    "recording.maxTotalBytes": ("1048576", 1048576),
    "recording.maxFiles": ("3", 3),
    "recording.maxAgeSeconds": ("60", 60),
    "recording.compress": ("zstd", "zstd"),
    "recording.trigger": ("always", "always"),
    "recording.preTriggerSeconds": ("5", 5),
    "recording.triggerStatus": ("500", 500),
    "recording.triggerPath": ("/a*", "/a*"),
    "recording.triggerLatencyMs": ("250", 250),
    "recording.anonymize": ("none", "none"),
    "recording.streamListen": ("127.0.0.1:9091", "127.0.0.1:9091"),
    "noPacketsWarningMs": ("0", 0),
    "statsIntervalMs": ("0", 0),
    "shutdownTimeoutMs": ("5000", 5000),
    "shutdownCaptureMs": ("0", 0),
    "onFatal": ("idle", "idle"),
    "statusListen": ("[::]:9090", "[::]:9090"),
    "otlpEndpoint": ("http://c:4318", "http://c:4318"),
    "logLevel": ("WARNING", "warning"),
    "logSamples": ("False", False),
}
TOGETHER = {"outputClientCertFile", "outputClientKeyFile"}


def test_every_field_with_a_variable_is_tried() -> None:
    assert {name for name, field in fields().items() if field.env} == TEXTS.keys() | TOGETHER


@pytest.mark.parametrize("name", TEXTS)
def test_a_variable_and_an_option(load: Load, name: str) -> None:
    text, value = TEXTS[name]
    field = fields()[name]
    needed = {} if name == "ports" else {"PORTS": "80"}
    assert field.env
    by_variable = load(None, needed | {field.env: text})
    by_option = load(None, needed, **{name: text})
    for settings in (by_variable, by_option):
        read: Any = settings.values
        for part in field.path:
            read = read[part]
        assert (read, type(read)) == (value, type(value))
    assert by_variable.origin(name) == f"environment {field.env}"
    assert by_option.origin(name) == f"option {field.option}"


@pytest.mark.parametrize("text", ["yes", "on", "2", "t"])
def test_what_is_no_boolean(mistakes: Mistakes, text: str) -> None:
    line = f'environment DECODE_BODY: decodeBody: expected true or false, got "{text}"'
    assert mistakes(None, {"PORTS": "80", "DECODE_BODY": text}) == [line]


@pytest.mark.parametrize("text", ["1e6", "1_000", "1.0", "0x10", "9" * 5000, "١٢"])
def test_what_is_no_whole_number(mistakes: Mistakes, text: str) -> None:
    (line,) = mistakes(None, {"PORTS": "80", "MAX_BODY_SIZE": text})
    assert line.startswith("environment MAX_BODY_SIZE: maxBodySize: expected a whole number from 0 to 1073741824, got")


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "1_0", "half"])
def test_what_is_no_rate(mistakes: Mistakes, text: str) -> None:
    (line,) = mistakes(None, {"PORTS": "80", "SAMPLE_RATE": text})
    assert line.startswith("environment SAMPLE_RATE: sampleRate: expected a ")


def test_entries_of_a_list_that_are_wrong(mistakes: Mistakes) -> None:
    expected = 'a port from 1 to 65535 or a range such as "9000-9100"'
    assert mistakes(None, {"PORTS": "80,,http,99999"}) == [
        f'environment PORTS: ports[1]: expected {expected}, got ""',
        f'environment PORTS: ports[2]: expected {expected}, got "http"',
        f"environment PORTS: ports[3]: expected {expected}, got 99999",
    ]


def test_detected_ports_may_repeat_themselves(load: Load) -> None:
    """Two containers may declare the same port."""
    settings = load(None, {"DETECTED_PORTS": "8080,9090,8080"})
    assert (list(settings.values["ports"]), settings.warnings) == ([8080, 9090], ())


def test_64_detected_ports_stay_as_they_are(load: Load) -> None:
    ports = list(range(1000, 1128, 2))
    assert list(load(None, {"DETECTED_PORTS": ",".join(map(str, ports))}).values["ports"]) == ports


def test_more_detected_ports_become_ranges(load: Load) -> None:
    ports = [*range(1000, 1128, 2), 1200, 1201, 3000]
    settings = load(None, {"DETECTED_PORTS": ",".join(map(str, reversed(ports)))})
    entries = settings.values["ports"]
    assert len(entries) == 64
    assert entries[0] == "1000-1004"
    assert entries[-2:] == ("1200-1201", 3000)
    assert settings.warnings == (
        "DETECTED_PORTS has 67 entries, more than 64: they became 64, which hold 2 other ports too; "
        "set `ports` to choose",
    )


def test_detected_ranges_are_folded_too(load: Load) -> None:
    ports = [*range(1000, 1128, 2), "2000-2010", "1001-1003"]
    entries = load(None, {"DETECTED_PORTS": ",".join(map(str, ports))}).values["ports"]
    assert (entries[0], entries[-1], len(entries)) == ("1000-1004", "2000-2010", 63)


def test_detected_ranges_may_overlap(load: Load) -> None:
    settings = load(None, {"DETECTED_PORTS": "90-100,80,80,95-110,100"})
    assert (list(settings.values["ports"]), settings.warnings) == ([80, "90-110"], ())


def test_detected_ports_that_are_wrong(mistakes: Mistakes) -> None:
    (line,) = mistakes(None, {"DETECTED_PORTS": "80,web"})
    assert line.startswith("environment DETECTED_PORTS: ports[1]: expected a port")


def test_detected_ports_that_are_wrong_and_repeat_themselves(mistakes: Mistakes) -> None:
    (line,) = mistakes(None, {"DETECTED_PORTS": "1,1,x"})
    assert line.startswith("environment DETECTED_PORTS: ports[1]: expected a port")
    assert line.endswith('got "x"')


@pytest.mark.parametrize(
    ("entries", "limit", "folded", "added"),
    [
        ([1, 3, 9], 3, [1, 3, 9], 0),
        ([1, 2, 3, 9], 2, ["1-3", 9], 0),
        ([1, 3, 9], 2, ["1-3", 9], 1),
        ([9, 1, 3], 1, ["1-9"], 6),
        (["1-5", 4, "7-8"], 1, ["1-8"], 1),
    ],
)
def test_folding(entries: list[int | str], limit: int, folded: list[int | str], added: int) -> None:
    assert fold(entries, limit) == (folded, added)
