"""What the tests of the configuration share: files, gathering, the command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import pytest
from configuring import ROOT, Command, Load, Mistakes

from appliance.config import ConfigError, Settings, gather


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files have short names in error texts, and no default file of this machine is read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("appliance.config.draft.DEFAULT_FILE", "default.yaml")


@pytest.fixture
def load() -> Load:
    """Settings from the YAML text of `sniffer.yaml`, variables and options."""

    def settings(yaml: str | None = None, env: Mapping[str, str] | None = None, **options: Any) -> Settings:
        return gather(_written(yaml), env or {}, options).validate()

    return settings


@pytest.fixture
def mistakes() -> Mistakes:
    """The lines of the error that loading the same ends with."""

    def lines(yaml: str | bytes | None = None, env: Mapping[str, str] | None = None, **options: Any) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            gather(_written(yaml), env or {}, options).validate()
        text = str(caught.value).splitlines()
        assert len(text) == len(caught.value.problems), "a mistake takes one line"
        return text

    return lines


def _written(yaml: str | bytes | None) -> str | None:
    if yaml is None:
        return None
    Path("sniffer.yaml").write_bytes(yaml.encode() if isinstance(yaml, str) else yaml)
    return "sniffer.yaml"


@pytest.fixture
def command() -> Command:
    """`tcp-sniffer config …` in a process of its own, with these variables; else it has the library's alone."""

    kept = {name: os.environ[name] for name in ("PATH", "TCP_SNIFFER_LIBRARY") if name in os.environ}

    def run(*arguments: str, stdout: IO[bytes] | int = subprocess.PIPE, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "appliance", "config", *arguments],
            env={**kept, "PYTHONPATH": str(ROOT), **env},
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    return run
