"""docs/records.md shows records as they are, and explains every field there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "message.schema.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
MESSAGE = {
    "timestamp": "2024-05-17T08:30:00.000001Z",
    "receiver": {"ip": "10.0.0.1", "port": 80},
    "destination": {"ip": "2001:db8::1", "port": 50123},
    "direction": "response",
    "headers": {"host": "a", "x": ["1", "2"]},
    "bodySize": 0,
    "connectionId": "00000000000000ff",
    "exchange": 0,
    "complete": True,
}


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_examples_are_valid() -> None:
    assert {example["direction"] for example in EXAMPLES} == {"request", "response", "connection"}
    for example in EXAMPLES:
        VALIDATOR.validate(example)


def test_every_field_and_reason_is_explained() -> None:
    message, connection = SCHEMA["$defs"]["message"]["properties"], SCHEMA["$defs"]["connection"]["properties"]
    names = [*message, *connection, *message["incompleteReason"]["enum"], *connection["end"]["enum"]]
    assert [name for name in names if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize(
    "change",
    [
        {"level": "info"},  # a log line's field: records and logs can be told apart
        {"body": ""},
        {"bodyTruncated": False},
        {"method": "GET"},  # a request's
        {"complete": False},  # without a reason
        {"incompleteReason": "gap"},  # of what is complete
        {"incompleteReason": "whatever", "complete": False},
        {"bodyEncoding": "base64"},  # of no body
        {"bodyRedacted": True, "body": "x"},
        {"headers": {"Host": "a"}},
        {"receiver": {"ip": "10.0.0.256", "port": 80}},
        {"timestamp": "2024-05-17T08:30:00Z"},
        {"direction": "connection"},
        {"direction": "sideways"},
        {"connectionId": "FF"},
    ],
    ids=json.dumps,
)
def test_the_schema_refuses(change: dict[str, object]) -> None:
    VALIDATOR.validate(MESSAGE)
    assert not VALIDATOR.is_valid(MESSAGE | change)
