"""What the decision is told about the cluster. Nothing here asks anybody."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Namespace:
    """`has_captures_claim`: whether it has a claim `tcp-sniffer-captures`; None where that is not known."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    has_captures_claim: bool | None = False


@dataclass(frozen=True)
class ConfigMap:
    """The ConfigMap of a pod's namespace: its `data`; None where there is none.

    `failure` says in a few words why it is not known; then the decision goes on without it.
    """

    data: Mapping[str, str] | None = None
    failure: str | None = None


@dataclass(frozen=True, order=True)
class Version:
    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """`v1.34.4`, `1.29+`; None for what is no version."""
        found = re.match(r"v?(\d{1,4})\.(\d{1,4})", text)
        return cls(int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True)
class Cluster:
    """Versions; None where they could not be asked for."""

    api_server: Version | None = None
    oldest_kubelet: Version | None = None

    @property
    def has_native_sidecars(self) -> bool:
        """Whether every kubelet starts init containers with `restartPolicy: Always` (on by default from 1.29, KEP-753).

        A kubelet may be three minor versions older than its API server, so 1.32 alone is enough to know.
        """
        by_server = self.api_server is not None and self.api_server >= Version(1, 32)
        by_nodes = self.oldest_kubelet is not None and self.oldest_kubelet >= Version(1, 29)
        return by_server or by_nodes
