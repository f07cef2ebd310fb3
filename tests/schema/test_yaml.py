"""The YAML file: what is read of it, and what is refused before any field is looked at."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from configuring import Load, Mistakes

from appliance.config import yaml_values
from appliance.config.document import MAX_SIZE


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML may have been built without libyaml: everything holds for its own parser too."""
    loader = yaml.CSafeLoader if request.param == "libyaml" else yaml.SafeLoader
    monkeypatch.setattr(yaml_values, "_LOADER", loader)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("maxBodySize: 0", "maxBodySize", 0),
        ("maxBodySize: +5", "maxBodySize", 5),
        ("maxBodySize: 5.0", "maxBodySize", 5),
        ("sampleRate: 0.25", "sampleRate", 0.25),
        ("sampleRate: .5", "sampleRate", 0.5),
        ("decodeBody: True", "decodeBody", True),
        ("decodeBody: 1", "decodeBody", True),
        ("redactBuiltin: 0", "redactBuiltin", False),
        ("interface: on", "interface", "on"),
        ("captureFilter: not port 1", "captureFilter", "not port 1"),
        ('captureFilter: "a \\u00e4"', "captureFilter", "a ä"),
        ("captureFilter: |\n  port 1\n  or port 2\n", "captureFilter", "port 1\nor port 2\n"),
        ("captureFilter: 2026-01-01", "captureFilter", "2026-01-01"),
        ("statusListen: 127.0.0.1:9090", "statusListen", "127.0.0.1:9090"),
        ("statusListen: '[::1]:9090'", "statusListen", "[::1]:9090"),
        ("redactFields: [a, b]", "redactFields", ("a", "b")),
        ("redactFields:\n- a\n- '5'\n", "redactFields", ("a", "5")),
    ],
)
def test_values(load: Load, text: str, field: str, value: Any) -> None:
    read = load("ports: [1]\n" + text).values[field]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("word", ["yes", "no", "On", "OFF", "2", "'true'"])
def test_other_words_are_no_booleans(mistakes: Mistakes, word: str) -> None:
    shown = word if word == "2" else '"' + word.strip("'") + '"'
    expected = f"sniffer.yaml:2: decodeBody: expected true or false, got {shown}"
    assert mistakes(f"ports: [1]\ndecodeBody: {word}") == [expected]


def test_a_byte_order_mark_does_no_harm(load: Load) -> None:
    assert list(load("\ufeffports: [1]").values["ports"]) == [1]


def test_the_line_of_each_part(load: Load) -> None:
    settings = load("# a comment\n\nports:\n  - 1\n  - 2\nlogLevel: info\n")
    assert settings.origin("ports") == "sniffer.yaml:3"
    assert settings.origin("logLevel") == "sniffer.yaml:6"


REFUSED = {
    "a syntax error": ("ports: [1]\na: b: c\n", "2:5: expected valid YAML (mapping values are not allowed"),
    "a tab": ("ports:\n\t- 1\n", "2:1: expected valid YAML (found character"),
    "two documents": ("ports: [1]\n---\nports: [2]\n", "2:1: expected valid YAML (but found another document"),
    "no mapping": ("- 1\n- 2\n", "1: expected a mapping of fields"),
    "a word": ("ports\n", "1: expected a mapping of fields"),
    "an unknown alias": ("ports: *a\n", "1:8: expected valid YAML (found undefined alias"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_configuration(mistakes: Mistakes, case: str) -> None:
    text, expected = REFUSED[case]
    (line,) = mistakes(text)
    assert line.startswith(f"sniffer.yaml:{expected}")


@pytest.mark.parametrize("data", [b"ports: [1]\nlogLevel: \xff\n", b"ports: [1]\nlogLevel: \x01\n"])
def test_what_is_no_text(mistakes: Mistakes, data: bytes) -> None:
    assert mistakes(data) == ["sniffer.yaml: expected text in UTF-8 without control characters"]


def test_a_key_twice(mistakes: Mistakes) -> None:
    assert mistakes("ports: [1]\nlogLevel: info\nlogLevel: debug\noutputBatch: {maxBytes: 2048, maxBytes: 4096}") == [
        "sniffer.yaml:3: logLevel: expected the key once; it stands on line 2 too",
        "sniffer.yaml:4: outputBatch.maxBytes: expected the key once; it stands on line 4 too",
    ]


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ('!!python/object/apply:os.system ["id"]', "!!python/object/apply:os.system"),
        ("!!python/name:os.system ''", "!!python/name:os.system"),
        ("!!binary aGk=", "!!binary"),
        ("!!set {a, b}", "!!set"),
        ("!mine 5", "!mine"),
    ],
)
def test_tags_that_build_objects(mistakes: Mistakes, value: str, tag: str) -> None:
    expected = f'sniffer.yaml:2: interface: expected plain YAML, without the tag "{tag}"'
    assert mistakes(f"ports: [1]\ninterface: {value}\n") == [expected]


def test_aliases(mistakes: Mistakes) -> None:
    assert mistakes("ports: [1]\nredactHeaders: &a [x-a]\nredactFields: *a\nexclude: &b [*b]\n") == [
        "sniffer.yaml:3: redactFields: expected the value itself, not an alias of another",
        "sniffer.yaml:4: exclude[0]: expected the value itself, not an alias of another",
    ]


def test_keys_that_are_no_text(mistakes: Mistakes) -> None:
    assert mistakes("ports: [1]\n[a, b]: 5\n") == ["sniffer.yaml:2: expected text as key"]


def test_a_merge_key_is_a_key_like_others(mistakes: Mistakes) -> None:
    (line,) = mistakes("ports: [1]\n<<: {logLevel: info}\n")
    assert line.startswith("sniffer.yaml:2: <<: expected a known field")


def test_deep_nesting(mistakes: Mistakes) -> None:
    (line,) = mistakes("[" * 65 + "]" * 65)
    assert line.startswith("sniffer.yaml:1:65: expected valid YAML (more than 64 levels)")


def test_abysmal_nesting(mistakes: Mistakes) -> None:
    """libyaml's composer would overrun the stack and end the process; newer ones stop at 1000 levels themselves."""
    (line,) = mistakes("[" * 100_000 + "]" * 100_000)
    assert re.match(
        r"sniffer\.yaml:1:(65: expected valid YAML \(more than 64 levels|1001: .* \(exceeded maximum nesting depth)\)",
        line,
    )


def test_a_huge_file(mistakes: Mistakes) -> None:
    assert mistakes("#" * (MAX_SIZE + 1)) == [f"sniffer.yaml: expected a file of at most {MAX_SIZE} bytes"]


def test_numbers_of_any_length(mistakes: Mistakes) -> None:
    """Python refuses to make an int of more than 4300 digits."""
    (line,) = mistakes(f"ports: [1]\nmaxBodySize: {'9' * 5000}\n")
    assert line.startswith('sniffer.yaml:2: maxBodySize: expected a whole number from 0 to 1073741824, got "9999')
