"""Default < DETECTED_PORTS < YAML < environment < command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from configuring import Load, Mistakes

from appliance.config import gather


def test_each_layer_overrides_the_one_before(load: Load) -> None:
    detected = {"DETECTED_PORTS": "1"}
    variable = detected | {"PORTS": "3"}
    expected = [
        (load(None, detected), [1], "environment DETECTED_PORTS"),
        (load("ports: [2]", detected), [2], "sniffer.yaml:1"),
        (load("ports: [2]", variable), [3], "environment PORTS"),
        (load("ports: [2]", variable, ports="4"), [4], "option --ports"),
    ]
    for settings, ports, origin in expected:
        assert (list(settings.values["ports"]), settings.origin("ports")) == (ports, origin)


def test_otlp_endpoint_has_a_standard_name_that_everything_else_overrides(load: Load) -> None:
    standard = {"OTEL_EXPORTER_OTLP_ENDPOINT": " http://a:4318 "}
    variable = standard | {"OTLP_ENDPOINT": "http://c:4318"}
    expected = [
        (load("ports: [1]", standard), "http://a:4318", "environment OTEL_EXPORTER_OTLP_ENDPOINT"),
        (load("ports: [1]\notlpEndpoint: http://b:4318", standard), "http://b:4318", "sniffer.yaml:2"),
        (load("ports: [1]", variable), "http://c:4318", "environment OTLP_ENDPOINT"),
    ]
    for settings, url, origin in expected:
        assert (settings.values["otlpEndpoint"], settings.origin("otlpEndpoint")) == (url, origin)


def test_a_default_of_the_schema_then_of_the_command(load: Load) -> None:
    assert load("ports: [1]").values["outputStdout"] is False
    Path("sniffer.yaml").write_text("ports: [1]")
    replay = gather("sniffer.yaml", {}, {}, defaults={"outputStdout": True})
    assert (replay.values["outputStdout"], replay.origin("outputStdout")) == (True, "default")
    switched_off = gather("sniffer.yaml", {"OUTPUT_STDOUT": "false"}, {}, defaults={"outputStdout": True})
    assert switched_off.values["outputStdout"] is False


def test_lists_replace(load: Load) -> None:
    settings = load("ports: [1]\nredactHeaders: [x-a, x-b]", {"REDACT_HEADERS": "x-c"})
    assert settings.values["redactHeaders"] == ("x-c",)


def test_the_parts_of_a_group_come_from_different_layers(load: Load) -> None:
    yaml = "ports: [1]\noutputBatch:\n  maxMessages: 5\n  maxBytes: 2048\n"
    settings = load(yaml, {"OUTPUT_BATCH_MAX_BYTES": "4096"})
    assert settings.values["outputBatch"] == {"maxMessages": 5, "maxBytes": 4096, "maxDelayMs": 200}
    assert settings.origin("outputBatch.maxMessages") == "sniffer.yaml:3"
    assert settings.origin("outputBatch.maxBytes") == "environment OUTPUT_BATCH_MAX_BYTES"
    assert settings.origin("outputBatch.maxDelayMs") == "default"


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_variable_is_not_set(load: Load, empty: str) -> None:
    settings = load("ports: [1]", {"PORTS": empty, "OUTPUT_URL": empty, "OUTPUT_URL_AUTH_TOKEN": empty})
    assert list(settings.values["ports"]) == [1]
    assert "outputUrl" not in settings.values
    assert settings.secrets.output_url_auth_token is None


def test_a_wrong_value_that_is_overridden_does_no_harm(load: Load) -> None:
    assert load("ports: [1]\nmaxBodySize: lots", {"MAX_BODY_SIZE": "5"}).values["maxBodySize"] == 5


def test_the_default_file_is_read(load: Load) -> None:
    Path("default.yaml").write_text("ports: [1]")
    assert load().origin("ports") == "default.yaml:1"


@pytest.mark.parametrize("content", [None, "", "# nothing yet\n", "---\n"])
def test_a_default_file_may_be_absent_or_empty(load: Load, content: str | None) -> None:
    if content is not None:
        Path("default.yaml").write_text(content)
    assert list(load(None, {"PORTS": "1"}).values["ports"]) == [1]


def test_config_file_names_a_file_and_the_option_wins(load: Load) -> None:
    Path("default.yaml").write_text("ports: [1]")
    Path("other.yaml").write_text("ports: [2]")
    env = {"CONFIG_FILE": "other.yaml"}
    assert load(None, env).origin("ports") == "other.yaml:1"
    assert load("ports: [3]", env).origin("ports") == "sniffer.yaml:1"


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "---\n", "{}"])
def test_a_named_file_must_not_be_empty(mistakes: Mistakes, content: str) -> None:
    assert mistakes(content, {"PORTS": "1"}) == ["sniffer.yaml: expected a file that is not empty"]


def test_a_named_file_must_be_there(mistakes: Mistakes) -> None:
    assert mistakes(None, {"PORTS": "1", "CONFIG_FILE": "absent.yaml"}) == ["absent.yaml: expected a file that exists"]


def test_a_folder_is_no_file(mistakes: Mistakes) -> None:
    assert mistakes(None, {"PORTS": "1", "CONFIG_FILE": "."}) == [
        ".: expected a file that can be read (Is a directory)"
    ]


def test_a_mapping_in_place_of_a_file() -> None:
    Path("default.yaml").write_text("ports: [1]")
    document = {"ports": (8080, "9000-9100"), "outputBatch": {"maxMessages": 3.0}}
    settings = gather(None, {"CONFIG_FILE": "absent.yaml", "LOG_LEVEL": "debug"}, {}, document=document).validate()
    assert settings.values["ports"] == (8080, "9000-9100")
    assert settings.origin("ports") == "configuration"
    assert (settings.values["outputBatch"]["maxMessages"], settings.values["logLevel"]) == (3, "debug")
    assert document == {"ports": (8080, "9000-9100"), "outputBatch": {"maxMessages": 3.0}}


def test_options_and_defaults_have_the_names_of_fields(load: Load) -> None:
    with pytest.raises(KeyError, match="maxBody"):
        load("ports: [1]", maxBody=1)
