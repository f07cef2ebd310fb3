"""Whoever may create a pod or a ConfigMap may not hold up everybody else's pods.

CPU time, so that a busy machine fails nobody; unbounded work took minutes in each of these.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from pods import decided, injected, pod, skipped

from webhook.effective import MAX_TEXT

COUNT = 15_000
CONFIG_MAPS = {
    "unknown keys": "".join(f"k{n}: 1\n" for n in range(MAX_TEXT // 12)),
    "ports": f"ports: [{','.join(map(str, range(1, MAX_TEXT // 7)))}]",
    "unequal entries": f"redactFields: [{','.join(f'{n},a{n}' for n in range(MAX_TEXT // 14))}]",
    "keys of a rule": f"exclude: [{{{','.join(f'k{n}: 1' for n in range(MAX_TEXT // 12))}}}]",
    "brackets": "[" * MAX_TEXT,
    "too long a text": "# " * MAX_TEXT,
}


@pytest.mark.parametrize("name", CONFIG_MAPS)
def test_a_config_map(name: str) -> None:
    text = CONFIG_MAPS[name]
    began = time.process_time()
    assert skipped(pod(), config_map=text).reason == "invalid_config_map"
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "manifest",
    [
        pod(annotations={f"k{n}": "x" for n in range(COUNT)}),
        pod(annotations={"ports": ",".join(map(str, range(1, COUNT)))}),
        pod(annotations={"redact-fields": ",".join(f"a{n}" for n in range(COUNT))}),
        pod(ports=[{"containerPort": 2 * n} for n in range(1, COUNT)]),
    ],
    ids=["annotations", "ports", "redacted fields", "declared ports"],
)
def test_a_pod(manifest: dict[str, Any]) -> None:
    began = time.process_time()
    decided(manifest)
    assert time.process_time() - began < 5


def test_what_is_left_out_is_counted() -> None:
    skip = skipped(pod(), config_map="".join(f"k{n}: 1\n" for n in range(50)))
    assert len(skip.mistakes) == 21
    assert skip.mistakes[-1].endswith("expected known fields alone; 30 more are not")


def test_a_long_text_is_refused_for_its_length() -> None:
    (mistake,) = skipped(pod(), config_map="#" * (MAX_TEXT + 1)).mistakes
    assert "at most 65536 characters" in mistake
    assert injected(pod(), config_map="#" * MAX_TEXT)
