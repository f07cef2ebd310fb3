"""docs/annotations.md: made from the schemas, kept equal, and complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_decision import ROWS

import webhook.decision
from appliance.config.fields import fields
from webhook.annotations import OWN
from webhook.cli import main
from webhook.reference import REASONS, reference

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reference"]) == 0
    printed = capsys.readouterr().out
    kept = (ROOT / "docs" / "annotations.md").read_text(encoding="utf-8")
    assert printed == kept, "run: tcp-sniffer-webhook reference > docs/annotations.md"


def test_every_annotation_is_there() -> None:
    text = reference()
    wanted = {field.annotation for field in fields().values() if field.annotation}
    wanted |= {f"tcp-sniffer/{name}" for name in OWN}
    assert wanted == set(re.findall(r"^\| `(tcp-sniffer/[a-z-]+)` \| (?!JSON|`injected`)", text, re.MULTILINE))


def test_no_annotation_has_two_meanings() -> None:
    assert not {f"tcp-sniffer/{name}" for name in OWN} & {field.annotation for field in fields().values()}


def test_every_reason_is_described_and_tried() -> None:
    """Each that the source gives is in the table, and is a row of the decision's test."""
    source = Path(webhook.decision.__file__).read_text(encoding="utf-8")
    given = set(re.findall(r'Skip\(\s*"([a-z_]+)"', source))
    assert given == set(REASONS)
    assert given == {row.reason for row in ROWS} - {"injected"}
