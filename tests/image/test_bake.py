"""docker-bake.hcl, read as buildx reads it, against the Dockerfile that it builds."""

from __future__ import annotations

import re
from typing import Any

import hcl2
import pytest

from image.build import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def targets() -> dict[str, dict[str, Any]]:
    with (ROOT / "docker-bake.hcl").open() as file:
        bake = hcl2.load(file)
    return {name.strip('"'): target for block in bake["target"] for name, target in block.items()}


def test_each_target_is_a_stage_for_both_architectures(targets: dict[str, dict[str, Any]]) -> None:
    stages = set(re.findall(r"^FROM .* AS (\S+)$", DOCKERFILE, re.MULTILINE))
    assert targets
    for name, target in targets.items():
        assert name in stages
        assert [platform.strip('"') for platform in target["platforms"]] == ["linux/amd64", "linux/arm64"]


def test_each_argument_is_one_the_dockerfile_takes(targets: dict[str, dict[str, Any]]) -> None:
    taken = set(re.findall(r"(\w+)=", " ".join(re.findall(r"^ARG (.*)$", DOCKERFILE, re.MULTILINE))))
    for target in targets.values():
        assert set(target["args"]) <= taken
        assert {"VERSION", "REVISION"} <= set(target["args"])
