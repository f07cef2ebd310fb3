"""Whether a pod gets the sidecar, and by which named reason not. Pure: every fact is an argument."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from appliance.config.problems import Problem
from webhook import names
from webhook.annotations import Wishes, read
from webhook.effective import Effective, effective
from webhook.facts import Cluster, ConfigMap, Namespace
from webhook.pod import Pod
from webhook.recording import Recording, recording
from webhook.recording import warnings as recording_warnings
from webhook.settings import Settings

ENFORCE = "pod-security.kubernetes.io/enforce"


@dataclass(frozen=True)
class Inject:
    """What the patch is made of, beside the pod."""

    wishes: Wishes
    configuration: Effective
    native: bool
    recording: Recording | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Skip:
    """`reason` is a word for machines, `sentence` one for people. `mistakes` are the author's to correct."""

    reason: str
    sentence: str
    mistakes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return f"{self.sentence}{': ' if self.mistakes else ''}{'; '.join(self.mistakes)}"

    @property
    def is_silent(self) -> bool:
        """Nobody asked for a sidecar, or it is there already: nothing to tell."""
        return self.reason in ("not_labelled", "opted_out", "excluded_namespace", "already_injected")


Decision = Inject | Skip


class _Facts(NamedTuple):
    pod: Pod
    namespace: Namespace
    settings: Settings


def decide(pod: Pod, namespace: Namespace, config_map: ConfigMap, settings: Settings, cluster: Cluster) -> Decision:
    facts = _Facts(pod, namespace, settings)
    for rule in _RULES:
        if skip := rule(facts):
            return skip
    wishes = read(pod, settings)
    configuration = effective(pod, wishes, config_map, settings)
    warnings = _warnings(wishes, config_map)
    native = _is_native(wishes, settings, cluster)
    return (
        _invalid(configuration, warnings)
        or _no_ports(configuration, warnings)
        or _ends_never(pod, native=native, warnings=warnings)
        or _injected(wishes, configuration, native=native, namespace=namespace, warnings=warnings)
    )


def _injected(
    wishes: Wishes, configuration: Effective, *, native: bool, namespace: Namespace, warnings: list[str]
) -> Inject:
    recorded = recording(configuration.values, wishes, namespace)
    more = recording_warnings(recorded) if recorded else []
    return Inject(wishes, configuration, native, recorded, [*warnings, *more])


def _excluded(facts: _Facts) -> Skip | None:
    if facts.namespace.name not in facts.settings.excluded_namespaces:
        return None
    return Skip("excluded_namespace", f"the namespace {facts.namespace.name} is excluded by the webhook's settings")


def _not_asked_for(facts: _Facts) -> Skip | None:
    """The pod's own label wins over its namespace's."""
    wish = facts.pod.labels.get(names.INJECT, facts.namespace.labels.get(names.INJECT))
    if wish == "true":
        return None
    if wish == "false":
        return Skip("opted_out", f'the label {names.INJECT} is "false"')
    return Skip("not_labelled", f'neither the pod nor its namespace has the label {names.INJECT}: "true"')


def _already_injected(facts: _Facts) -> Skip | None:
    return Skip("already_injected", "the sidecar is there already") if facts.pod.is_injected else None


def _host_network(facts: _Facts) -> Skip | None:
    if not facts.pod.spec.get("hostNetwork"):
        return None
    return Skip("host_network", "the pod is in its node's network, where a sidecar would hear every pod's traffic")


def _windows(facts: _Facts) -> Skip | None:
    return Skip("windows", "the sidecar runs on Linux, the pod on Windows") if facts.pod.is_windows else None


def _pod_security(facts: _Facts) -> Skip | None:
    level = facts.namespace.labels.get(ENFORCE)
    if level not in ("baseline", "restricted"):
        return None
    return Skip(
        "pod_security",
        f"the namespace {facts.namespace.name} enforces Pod Security `{level}`, which refuses the capability NET_RAW:"
        f" with the sidecar the pod would be refused (see docs/deployment.md)",
    )


def _name_conflict(facts: _Facts) -> Skip | None:
    found = [*_conflicts(facts.pod)]
    return Skip("name_conflict", f"the pod has {', '.join(found)} already, not by the webhook") if found else None


def _conflicts(pod: Pod) -> Iterable[str]:
    for container in pod.all_containers:
        if container.get("name") == names.CONTAINER:
            yield f"a container `{names.CONTAINER}`"
        for mount in container.get("volumeMounts") or []:
            path = str(mount.get("mountPath", "")).rstrip("/")
            if path in (names.CONFIG_FOLDER, names.RUN_FOLDER):
                yield f"a mount at {path} in the container `{container.get('name')}`"
    for volume in pod.volumes:
        if volume.get("name") in names.VOLUMES:
            yield f"a volume `{volume['name']}`"


_RULES: tuple[Callable[[_Facts], Skip | None], ...] = (
    _excluded,
    _not_asked_for,
    _already_injected,
    _host_network,
    _windows,
    _pod_security,
    _name_conflict,
)


def _invalid(configuration: Effective, warnings: list[str]) -> Skip | None:
    mistakes = _texts([*configuration.in_annotations, *configuration.in_config_map])
    if configuration.in_annotations:
        return Skip("invalid_annotation", "an annotation is wrong", mistakes, warnings)
    if configuration.in_config_map:
        return Skip("invalid_config_map", f"the ConfigMap {names.CONFIG_MAP} is wrong", mistakes, warnings)
    return None


def _texts(problems: Iterable[Problem]) -> list[str]:
    """Each once: an annotation is one value, its path in the document says nothing more."""
    plain = (p._replace(path="") if p.origin.startswith("annotation ") else p for p in problems)
    return list(dict.fromkeys(map(str, plain)))


def _no_ports(configuration: Effective, warnings: list[str]) -> Skip | None:
    if configuration.has_ports:
        return None
    sentence = (
        f"no ports to listen to: set the annotation {names.PREFIX}ports, `ports` in the ConfigMap {names.CONFIG_MAP},"
        " or declare the containers' ports"
    )
    return Skip("no_ports", sentence, warnings=warnings)


def _is_native(wishes: Wishes, settings: Settings, cluster: Cluster) -> bool:
    mode = wishes.own.get("sidecar-mode", settings.sidecar_mode)
    return mode == "native" or (mode == "auto" and cluster.has_native_sidecars)


def _ends_never(pod: Pod, *, native: bool, warnings: list[str]) -> Skip | None:
    if native or not pod.runs_to_completion:
        return None
    sentence = (
        "the pod runs to completion, and beside a plain sidecar container it never would:"
        " native sidecars need every node at Kubernetes 1.29 or newer"
    )
    return Skip("needs_native_sidecar", sentence, warnings=warnings)


def _warnings(wishes: Wishes, config_map: ConfigMap) -> list[str]:
    if other := wishes.own.get("config-map"):
        return [f"tcp-sniffer: the ConfigMap {other} was not checked; the sidecar's log tells of its mistakes"]
    if config_map.failure:
        return [f"tcp-sniffer: decided without the ConfigMap {names.CONFIG_MAP}, which {config_map.failure}"]
    return []
