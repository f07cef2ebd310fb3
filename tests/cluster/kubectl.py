"""kubectl, and what the tests ask of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
Place = tuple[str, str, str]  # kind, namespace or "<none>", name
Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Kubectl:
    """kubectl with its kubeconfig; `run` is what starts it, inside the sandbox or here."""

    run: Run
    command: tuple[str, ...]

    def __call__(self, *arguments: str, manifest: Object | str | None = None, timeout: float = 120) -> str:
        """What kubectl prints. A failure is a RuntimeError that tells what it said."""
        return self.run(*self.command, *arguments, stdin=_text(manifest), timeout=timeout).stdout

    def tried(self, *arguments: str, manifest: Object | str | None = None) -> subprocess.CompletedProcess[str]:
        """The same, where a failure is an answer too."""
        return self.run(*self.command, *arguments, stdin=_text(manifest), check=False)

    def of(self, namespace: str) -> Kubectl:
        """The same, in a namespace."""
        return Kubectl(self.run, (*self.command, f"--namespace={namespace}"))

    def get(self, *arguments: str) -> Any:
        return json.loads(self("get", "-o", "json", *arguments))

    def items(self, *arguments: str) -> list[Object]:
        found: list[Object] = self.get(*arguments)["items"]
        return found

    def places(self) -> set[Place]:
        """Of all that the API server keeps. Events are of what was."""
        kinds = [
            kind for kind in self("api-resources", "--verbs=list", "--output=name").split() if "events" not in kind
        ]
        columns = "--output=custom-columns=KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name"
        lines = (line.split() for line in self("get", ",".join(kinds), "-A", "--no-headers", columns).splitlines())
        return {(kind, namespace, name) for kind, namespace, name in lines}

    def create(self, manifest: Object | str, *arguments: str) -> Any:
        """Creates the object, and gives it back as the API server has it."""
        return json.loads(self("create", "-f", "-", "-o", "json", *arguments, manifest=manifest))

    def apply(self, manifest: Object | str, *arguments: str) -> None:
        self("apply", "-f", "-", *arguments, manifest=manifest)


def _text(manifest: Object | str | None) -> str | None:
    return json.dumps(manifest) if isinstance(manifest, dict) else manifest
