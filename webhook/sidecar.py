"""The container that is added, and the volumes that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from appliance.config.fields import fields
from appliance.config.memory import default_max_memory
from webhook import names, quantity, recording, spool
from webhook.annotations import Reference
from webhook.decision import Inject
from webhook.pod import Json, Pod
from webhook.settings import Settings

# containerd splits a log line at 16,384 bytes: a record has to fit, its line feed and time stamp too.
MAX_STDOUT_RECORD = 16000

# Passes when the capture is open, when the sniffer has gone idle, or 20 s after it was first asked: the app waits
# for the sidecar, but not for ever. `probed` is on the pod's own volume, so a restarted sidecar is not waited for.
_STARTED = (
    f"cd {names.RUN_FOLDER} && {{ [ -e capture-open ] || [ -e idle ] || "
    "{ [ -e probed ] || : > probed; find probed ! -newermt '-20 seconds' | grep -q .; }; }"
)

_FROM_POD = {"POD_NAME": "metadata.name", "NAMESPACE": "metadata.namespace", "NODE_NAME": "spec.nodeName"}


def container(pod: Pod, plan: Inject, settings: Settings) -> Json:
    sidecar: Json = {
        "name": names.CONTAINER,
        "image": plan.wishes.own.get("image", settings.image),
        "env": [*_env(pod, plan, settings)],
        "securityContext": {
            "runAsUser": 0,
            "runAsNonRoot": False,
            "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]},
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": _mounts(plan),
    }
    if policy := plan.wishes.own.get("image-pull-policy", settings.image_pull_policy):
        sidecar["imagePullPolicy"] = policy
    if resources := _resources(pod, plan, settings):
        sidecar["resources"] = resources
    if plan.native:
        sidecar["restartPolicy"] = "Always"
        # The shell may need seconds under a small quota; the kubelet would count a slow answer as none.
        sidecar["startupProbe"] = {
            "exec": {"command": ["sh", "-c", _STARTED]},
            "periodSeconds": 1,
            "timeoutSeconds": 10,
            "failureThreshold": 300,
        }
    return sidecar


def volumes(plan: Inject) -> list[Json]:
    config_map = plan.wishes.own.get("config-map", names.CONFIG_MAP)
    found: list[Json] = [
        {"name": names.CONFIG_VOLUME, "configMap": {"name": config_map, "optional": True}},
        {"name": names.RUN_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": "4Mi"}},
        # Its folder alone counts 4 KiB: a lower limit than that gets the pod evicted.
        {"name": names.NO_TOKEN_VOLUME, "emptyDir": {"sizeLimit": "1Mi"}},
    ]
    if plan.recording:
        found.append(recording.volume(plan.recording))
    if _spool(plan):
        found.append(spool.volume(plan.configuration.values))
    if authority := plan.wishes.reference("output-ca"):
        found.append({"name": names.CA_VOLUME, "configMap": {"name": authority.name, "optional": True}})
    return found


def _mounts(plan: Inject) -> list[Json]:
    found: list[Json] = [
        {"name": names.CONFIG_VOLUME, "mountPath": names.CONFIG_FOLDER, "readOnly": True},
        {"name": names.RUN_VOLUME, "mountPath": names.RUN_FOLDER},
        {"name": names.RUN_VOLUME, "mountPath": "/tmp"},  # noqa: S108 a mount point, not a file of ours
        # The service account's token would be mounted there: the sidecar asks the API server for nothing.
        {"name": names.NO_TOKEN_VOLUME, "mountPath": names.TOKEN_FOLDER, "readOnly": True},
    ]
    if plan.recording:
        found.append(recording.mount(plan.recording))
    if folder := _spool(plan):
        found.append(spool.mount(folder))
    if plan.wishes.reference("output-ca"):
        found.append({"name": names.CA_VOLUME, "mountPath": names.CA_FOLDER, "readOnly": True})
    return found


def _spool(plan: Inject) -> str | None:
    return spool.directory(plan.configuration.values, known=plan.configuration.known)


def _env(pod: Pod, plan: Inject, settings: Settings) -> Iterator[Json]:
    for name, path in _FROM_POD.items():
        yield {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
    if token := plan.wishes.reference("auth-token-secret"):
        yield _from_secret("OUTPUT_URL_AUTH_TOKEN", token)
    if ports := pod.declared_ports:
        yield {"name": "DETECTED_PORTS", "value": ",".join(map(str, ports))}
    if key := plan.wishes.reference("recording-anonymize-secret"):
        yield _from_secret("RECORDING_ANONYMIZE_KEY", key)
    for name, value in (_derived(pod, plan, settings) | _asked_for(plan)).items():
        yield {"name": name, "value": _unexpanded(value)}


def _from_secret(name: str, secret: Reference) -> Json:
    reference = {"name": secret.name, "key": secret.key, "optional": True}
    return {"name": name, "valueFrom": {"secretKeyRef": reference}}


def _asked_for(plan: Inject) -> dict[str, str]:
    by_env = {fields()[name].env: text for name, text in plan.wishes.fields.items()}
    return {env: text for env, text in by_env.items() if env}


def _unexpanded(value: str) -> str:
    """Kubernetes replaces `$(NAME)` in a value by another variable's; `$$` stands for one dollar sign."""
    return value.replace("$", "$$")


def _derived(pod: Pod, plan: Inject, settings: Settings) -> dict[str, str]:
    """What follows from the pod, where its author has not chosen otherwise."""
    chosen, values = plan.configuration.chosen, plan.configuration.values
    env = {"ON_FATAL": "idle"}
    to_stdout = values["outputStdout"] or not plan.configuration.has_output
    if not plan.configuration.has_output:
        env["OUTPUT_STDOUT"] = "true"
    if to_stdout and "maxRecordSize" not in chosen:
        env["MAX_RECORD_SIZE"] = str(MAX_STDOUT_RECORD)
    if "output-ca" in plan.wishes.own:
        env["OUTPUT_CA_FILE"] = f"{names.CA_FOLDER}/{plan.wishes.own['output-ca'].split('/', 1)[1]}"
    if pod.shares("memory") and "memory-limit" not in plan.wishes.own and "maxMemory" not in chosen:
        env["MAX_MEMORY"] = str(_shared_memory(pod, settings))
    capture, drain = shutdown_times(pod.grace)
    if "shutdownCaptureMs" not in chosen:
        env["SHUTDOWN_CAPTURE_MS"] = str(capture)
    if "shutdownTimeoutMs" not in chosen:
        env["SHUTDOWN_TIMEOUT_MS"] = str(drain)
    return env


def _shared_memory(pod: Pod, settings: Settings) -> int:
    """Bytes. The sidecar cannot see the whole pod's limit: it has to keep to what it would get by itself."""
    whole = quantity.parse(pod.own_amount("limits", "memory"))
    usual = _amount(settings.resources.memory_limit)
    return default_max_memory(int(usual if whole is None else min(usual, whole)))


def shutdown_times(grace: int) -> tuple[int, int]:
    """How long to go on capturing and how long to deliver, in ms: together a second less than the pod has.

    A pod of 30 s gives the defaults, 2 and 10 s; a short one a fifth to the first.
    """
    usable = max(grace * 1000 - 1000, grace * 500, 200)
    capture = min(2000, usable // 5)
    return capture, min(10000, usable - capture)


def _resources(pod: Pod, plan: Inject, settings: Settings) -> Json:
    amounts = {kind: _amounts(kind, pod, plan, settings) for kind in ("cpu", "memory")}
    if _spool(plan) and (limit := spool.limit(pod, plan.configuration.values)):
        # A request of none, for Kubernetes would take the limit for it, and no node may have so much.
        amounts["ephemeral-storage"] = ("0", limit)
    parts = {
        part: {kind: both[index] for kind, both in amounts.items() if both[index]}
        for index, part in enumerate(("requests", "limits"))
    }
    return {part: found for part, found in parts.items() if found}


def _amounts(kind: str, pod: Pod, plan: Inject, settings: Settings) -> tuple[str | None, str | None]:
    """Request and limit: as asked for, else the defaults, unless the containers share what the pod as a whole has."""
    request, limit = plan.wishes.own.get(f"{kind}-request"), plan.wishes.own.get(f"{kind}-limit")
    if pod.shares(kind):
        # Without a request Kubernetes would take the limit for it, which the whole pod's request may have no room for.
        return request or (limit and "0"), limit
    limit = limit or _at_least(settings.resources.limit(kind), request)
    request = request or _at_most(settings.resources.request(kind), limit)
    return (limit, limit) if is_guaranteed(pod) else (request, limit)


def _at_least(default: str, other: str | None) -> str:
    """The default, or the other where that is more: a limit must not be below its request."""
    return other if other and _amount(other) > _amount(default) else default


def _at_most(default: str, other: str | None) -> str:
    return other if other and _amount(other) < _amount(default) else default


def _amount(text: str) -> Any:
    return quantity.parse(text) or 0


def is_guaranteed(pod: Pod) -> bool:
    """Whether every container has limits of CPU and memory, and requests that equal them (or follow from them).

    Adding one that has not would move the pod to a class that is evicted earlier.
    """
    containers = [*pod.init_containers, *pod.containers]
    return all(_has_equal_resources(one) for one in containers)


def _has_equal_resources(one: Json) -> bool:
    resources = one.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    return all(
        kind in limits and quantity.parse(requests.get(kind, limits[kind])) == quantity.parse(limits[kind])
        for kind in ("cpu", "memory")
    )
