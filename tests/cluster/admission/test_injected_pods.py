"""The API server takes the pods that the goldens say come out: its own validation knows more than the schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster.kubectl import Kubectl

GOLDENS = sorted((Path(__file__).parents[2] / "webhook" / "goldens").glob("*.result.yaml"))


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda path: path.name.partition(".")[0])
@pytest.mark.usefixtures("injector")
def test_the_result_is_a_valid_pod(kubectl: Kubectl, golden: Path) -> None:
    pod: dict[str, Any] = yaml.safe_load(golden.read_text(encoding="utf-8"))
    # Its namespace is not there; a template has no name of its own.
    pod["metadata"] = {"generateName": "golden-", **pod["metadata"]}
    pod["metadata"].pop("namespace", None)
    made = kubectl.create(pod, "--dry-run=server")
    assert {one["name"] for one in pod["spec"]["containers"]} == {one["name"] for one in made["spec"]["containers"]}
