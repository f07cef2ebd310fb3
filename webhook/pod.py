"""Reading a pod: plain dictionaries as the API server sends them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from webhook import names

Json = dict[str, Any]

# How long a pod has to end where it says nothing.
DEFAULT_GRACE = 30


class Pod:
    """A view of one pod's manifest, which it never changes. A part that is null counts as absent."""

    def __init__(self, manifest: Mapping[str, Any], namespace: str = "") -> None:
        self.manifest = manifest
        self.metadata: Mapping[str, Any] = manifest.get("metadata") or {}
        self.spec: Mapping[str, Any] = manifest.get("spec") or {}
        # A review's own namespace; the manifest's may be empty there.
        self.namespace: str = namespace or self.metadata.get("namespace") or "default"

    @property
    def name(self) -> str:
        """Its name, or what a controller's generated name begins with."""
        generated = self.metadata.get("generateName")
        return self.metadata.get("name") or (f"{generated}*" if generated else "(no name)")

    @property
    def labels(self) -> Mapping[str, str]:
        return self.metadata.get("labels") or {}

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.metadata.get("annotations") or {}

    @property
    def containers(self) -> Sequence[Json]:
        return self.spec.get("containers") or []

    @property
    def init_containers(self) -> Sequence[Json]:
        return self.spec.get("initContainers") or []

    @property
    def all_containers(self) -> Iterator[Json]:
        yield from self.init_containers
        yield from self.containers
        yield from self.spec.get("ephemeralContainers") or []

    @property
    def volumes(self) -> Sequence[Json]:
        return self.spec.get("volumes") or []

    @property
    def grace(self) -> int:
        """Seconds."""
        seconds = self.spec.get("terminationGracePeriodSeconds")
        return DEFAULT_GRACE if seconds is None else int(seconds)

    @property
    def is_injected(self) -> bool:
        return names.INJECTED in self.annotations and any(c.get("name") == names.CONTAINER for c in self.all_containers)

    @property
    def is_windows(self) -> bool:
        system = (self.spec.get("os") or {}).get("name")
        selected = (self.spec.get("nodeSelector") or {}).get("kubernetes.io/os")
        return "windows" in (system, selected)

    @property
    def runs_to_completion(self) -> bool:
        return self.spec.get("restartPolicy") in ("Never", "OnFailure")

    @property
    def declared_ports(self) -> list[int]:
        """The TCP ports of all containers that serve while the pod runs, each once, in their order."""
        found = self.ports_by_container(["tcp"]).values()
        return list(dict.fromkeys(port for ports in found for port in ports))

    def ports_by_container(self, protocols: Collection[str]) -> dict[str, list[int]]:
        """By the name of each container that serves while the pod runs; protocols are `tcp`, `udp`, `sctp`."""
        return {
            one["name"]: [
                port["containerPort"]
                for port in one.get("ports") or []
                if (port.get("protocol") or "TCP").lower() in protocols
            ]
            for one in self.serving
        }

    @property
    def serving(self) -> list[Json]:
        """The containers that run as long as the pod does."""
        return [*(one for one in self.init_containers if one.get("restartPolicy") == "Always"), *self.containers]

    def own_amount(self, which: str, kind: str) -> Any:
        """What the pod as a whole has, `which` of requests and limits, of `cpu` or `memory`; None without."""
        return ((self.spec.get("resources") or {}).get(which) or {}).get(kind)

    def shares(self, kind: str) -> bool:
        """Whether the containers share an amount that the pod as a whole has (KEP-2837)."""
        return any(self.own_amount(which, kind) is not None for which in ("requests", "limits"))


class ShapeError(Exception):
    """What should be a pod is none; the text says "not shaped like a pod", and why."""


def shaped(manifest: Mapping[str, Any], namespace: str = "") -> Pod:
    """The pod. The API server sends only what fits its own schema; anybody else may send anything: ShapeError."""
    try:
        pod = Pod(manifest, namespace)
        _check(pod)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ShapeError(f"not shaped like a pod ({error})") from error
    return pod


def _check(pod: Pod) -> None:
    for name, mapping in (("labels", pod.labels), ("annotations", pod.annotations)):
        if not isinstance(mapping, Mapping) or not all(isinstance(text, str) for text in mapping.values()):
            raise TypeError(f'metadata.{name} must map text to text, such as "true" in quotes')
    if not pod.containers or not all(isinstance(one, dict) and one.get("name") for one in pod.all_containers):
        raise TypeError("spec.containers must be a list of containers with names")
    if not all(isinstance(volume, dict) for volume in pod.volumes):
        raise TypeError("spec.volumes must be a list of volumes")
    # Read once here: what the decision reads again later cannot fail then.
    _ = (pod.declared_ports, pod.grace, pod.is_windows)
