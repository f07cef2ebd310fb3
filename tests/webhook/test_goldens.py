"""Manifest, patch and resulting pod side by side; each manifest begins with a line on why.

`TCP_SNIFFER_WRITE_GOLDENS=1` writes patches and results anew, for the eyes of a reviewer.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import yaml

from webhook.cli import main
from webhook.manifests import manifests, pod_of

GOLDENS = Path(__file__).with_name("goldens")
MANIFESTS = sorted(path for path in GOLDENS.glob("*.yaml") if not path.name.endswith(".result.yaml"))


def explained(manifest: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["explain", "-f", str(manifest), "-o", "json"]) == 0
    (explanation,) = json.loads(capsys.readouterr().out)
    found: dict[str, Any] = explanation
    return found


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.stem)
def test_golden(manifest: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # The version is that of the package which is installed, if one is.
    monkeypatch.setattr("webhook.patch.version", lambda: "0.0.0")
    explanation = explained(manifest, capsys)
    patch, result = manifest.with_suffix(".patch.json"), manifest.with_suffix(".result.yaml")
    if os.environ.get("TCP_SNIFFER_WRITE_GOLDENS"):
        patch.write_text(json.dumps(explanation["patch"], indent=2) + "\n")
        result.write_text(yaml.safe_dump(explanation["pod"], sort_keys=False, width=120))
    assert manifest.read_text().startswith("# ")
    assert explanation["patch"] == json.loads(patch.read_text())
    assert explanation["pod"] == yaml.safe_load(result.read_text())
    (pod,) = filter(None, map(pod_of, manifests(str(manifest))))
    assert jsonpatch.apply_patch(pod, json.loads(patch.read_text())) == explanation["pod"]


def test_there_is_one_for_each_kind_of_outcome() -> None:
    assert len(MANIFESTS) >= 6
    assert {path.name.removesuffix(".result.yaml") for path in GOLDENS.glob("*.result.yaml")} == {
        path.stem for path in MANIFESTS
    }
