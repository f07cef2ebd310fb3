"""What the documents name as their proof is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = [ROOT / "SECURITY.md", ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FILES = [*(ROOT / "tests").rglob("*.py")]
NAMES = {name for file in FILES for name in re.findall(r"def (test_\w+)", file.read_text())}
NAMES |= {file.stem for file in FILES}


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_every_test_that_is_named_exists(text: Path) -> None:
    """A name that ends in … stands for those that begin with it."""
    for name, more in re.findall(r"\b(test_[a-z0-9_]+)(…)?", text.read_text()):
        found = any(known.startswith(name) for known in NAMES) if more else name in NAMES
        assert found, f"{text.name} names {name}, which is not there"


def test_some_are_named() -> None:
    assert "test_an_interface_that_is_deleted" in (ROOT / "docs" / "faults.md").read_text()
    assert "test_an_interface_that_is_deleted" in NAMES
