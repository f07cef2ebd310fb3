"""What a pod's author asks for: the annotations `tcp-sniffer/…`, and which of them are mistakes.

Those of the configuration's fields come from sniffer.schema.json; the webhook's own stand here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NamedTuple

from appliance.config.fields import Field, fields
from appliance.config.problems import Problem, shown, unknown_key
from webhook import names, quantity
from webhook.pod import Pod
from webhook.settings import Settings

# Where a pod has so many, the rest is not looked at: an author's mistakes must not hold up other pods.
MOST_MISTAKES = 20

_KEY = r"[-._a-zA-Z0-9]{1,253}"


class Reference(NamedTuple):
    """A key of a Secret or ConfigMap in the pod's namespace."""

    name: str
    key: str


@dataclass
class Wishes:
    """By field or annotation, as the author wrote them, what is sound of it; and what is not."""

    fields: dict[str, str] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    mistakes: list[Problem] = field(default_factory=list)

    def reference(self, name: str) -> Reference | None:
        text = self.own.get(name)
        return Reference(*text.split("/", 1)) if text else None


class _Own(NamedTuple):
    description: str
    expected: str
    fits: Callable[[str], Any]


def _matches(pattern: str) -> Callable[[str], Any]:
    return re.compile(pattern).fullmatch


def _at_least(least: Decimal) -> Callable[[str], bool]:
    return lambda text: (amount := quantity.parse(text)) is not None and amount >= least


_CPU = ("an amount of CPU of at least 1m, such as 50m or 0.1", _at_least(Decimal("0.001")))
# Below it the appliance itself has no room; see docs/deployment.md on sizes.
_MEMORY = ("an amount of memory of at least 64Mi, such as 128Mi", _at_least(Decimal(64 << 20)))

# By their names without the prefix.
OWN: dict[str, _Own] = {
    "image": _Own("The sidecar's image.", "an image's name", _matches(r"[^\s]{1,1024}")),
    "image-pull-policy": _Own(
        "When it is pulled.", "Always, IfNotPresent or Never", _matches("Always|IfNotPresent|Never")
    ),
    "cpu-request": _Own("The sidecar's request of CPU.", *_CPU),
    "cpu-limit": _Own("Its limit.", *_CPU),
    "memory-request": _Own("The sidecar's request of memory.", *_MEMORY),
    "memory-limit": _Own("Its limit; `maxMemory` follows from it.", *_MEMORY),
    "auth-token-secret": _Own(
        "The Secret and key that hold the bearer token for `outputUrl`.",
        "the name of a Secret and of its key: name/key",
        _matches(f"{names.OBJECT}/{_KEY}"),
    ),
    "output-ca": _Own(
        "The ConfigMap and key that hold a certificate authority for `outputUrl`.",
        "the name of a ConfigMap and of its key: name/key",
        _matches(f"{names.OBJECT}/{_KEY}"),
    ),
    "config-map": _Own(
        "The ConfigMap that holds `sniffer.yaml`, in place of `tcp-sniffer`. The webhook does not look into it: a"
        " mistake is in the sidecar's log alone, and it has to say where the messages go.",
        "the name of a ConfigMap",
        _matches(names.OBJECT),
    ),
    "sidecar-mode": _Own(
        "How the sidecar stands in the pod, in place of the settings' `sidecarMode`.",
        "auto, native or container",
        _matches("auto|native|container"),
    ),
    "recording-claim": _Own(
        "The PersistentVolumeClaim for recordings, in place of `tcp-sniffer-captures`; each pod has a folder there.",
        "the name of a PersistentVolumeClaim",
        _matches(names.OBJECT),
    ),
    "recording-size": _Own(
        "The size of the volume for recordings where there is no claim; it is deleted with the pod. 1Gi without.",
        "a size of at least 1Mi, such as 1Gi",
        _at_least(Decimal(1 << 20)),
    ),
    "recording-storage-class": _Own(
        "That volume's StorageClass.", "the name of a StorageClass", _matches(names.OBJECT)
    ),
    "recording-anonymize-secret": _Own(
        "The Secret and key that hold the key of `recording.anonymize`.",
        "the name of a Secret and of its key: name/key",
        _matches(f"{names.OBJECT}/{_KEY}"),
    ),
}

# Written by the webhook; in a copied manifest they say nothing.
_WRITTEN = {names.STATUS, names.INJECTED, names.CAPTURE_FILES}


def read(pod: Pod, settings: Settings) -> Wishes:
    wishes = Wishes()
    for name, text in pod.annotations.items():
        if name.startswith(names.PREFIX) and name not in _WRITTEN and text.strip():
            _take(wishes, name, text.strip(), settings)
        if len(wishes.mistakes) >= MOST_MISTAKES:
            break
    wishes.mistakes += [*_limit_mistakes(wishes), *_share_mistakes(wishes, pod)]
    return wishes


@cache
def by_annotation() -> dict[str, Field]:
    """The configuration's fields by their annotations."""
    return {field.annotation: field for field in fields().values() if field.annotation}


def _take(wishes: Wishes, name: str, text: str, settings: Settings) -> None:
    short = name.removeprefix(names.PREFIX)
    field = by_annotation().get(name)
    if field is None and short not in OWN:
        wishes.mistakes.append(_unknown(name))
        return
    mistakes = list(_mistakes(name, text, settings))
    wishes.mistakes += mistakes
    if field is not None:
        wishes.fields[field.name] = text
    elif not mistakes:
        wishes.own[short] = text


def _unknown(name: str) -> Problem:
    if name == names.INJECT:
        return Problem(f"annotation {name}", "", None, "nothing here: it is a label, of the pod or of its namespace")
    known = [*by_annotation(), *(names.PREFIX + own for own in OWN)]
    nearest = unknown_key(name, "", known, f"annotation {name}")
    return nearest._replace(expected=nearest.expected.replace("field", "annotation"))


def _mistakes(name: str, text: str, settings: Settings) -> Iterator[Problem]:
    short = name.removeprefix(names.PREFIX)
    origin = f"annotation {name}"
    if not {"*", short} & set(settings.allowed_annotations):
        allowed = ", ".join(settings.allowed_annotations) or "none"
        yield Problem(origin, "", None, f"an annotation that the cluster's settings allow ({allowed})")
    elif short in OWN and not OWN[short].fits(text):
        yield Problem(origin, "", shown(text), OWN[short].expected)
    elif short == "image" and not _image_allowed(text, settings):
        allowed = ", ".join([settings.image, *settings.allowed_images])
        yield Problem(origin, "", shown(text), f"an image that the cluster's settings allow ({allowed})")
    elif short == "on-fatal" and text.lower() != "idle":
        yield Problem(origin, "", shown(text), "idle: an injected sidecar must not restart and make its pod unready")


def _image_allowed(image: str, settings: Settings) -> bool:
    return image == settings.image or any(fnmatchcase(image, glob) for glob in settings.allowed_images)


def _limit_mistakes(wishes: Wishes) -> Iterator[Problem]:
    for kind in ("cpu", "memory"):
        request, limit = (quantity.parse(wishes.own.get(f"{kind}-{which}", "")) for which in ("request", "limit"))
        if request is not None and limit is not None and request > limit:
            text = shown(wishes.own[f"{kind}-request"])
            expected = f"at most what {names.PREFIX}{kind}-limit says ({wishes.own[f'{kind}-limit']})"
            yield Problem(f"annotation {names.PREFIX}{kind}-request", "", text, expected)


def _share_mistakes(wishes: Wishes, pod: Pod) -> Iterator[Problem]:
    """Where the pod as a whole has resources (KEP-2837), more than they allow would have it refused."""
    for kind in ("cpu", "memory"):
        whole = pod.own_amount("limits", kind)
        yield from _above(wishes, f"{kind}-limit", quantity.parse(whole), f"the limit of the whole pod ({whole})")
        whole = pod.own_amount("requests", kind)
        expected = f"what the containers leave of the whole pod's request ({whole})"
        yield from _above(wishes, f"{kind}-request", _room(pod, kind, quantity.parse(whole)), expected)


def _above(wishes: Wishes, name: str, most: Decimal | None, expected: str) -> Iterator[Problem]:
    amount = quantity.parse(wishes.own.get(name, ""))
    if amount is not None and most is not None and amount > most:
        yield Problem(f"annotation {names.PREFIX}{name}", "", shown(wishes.own[name]), f"at most {expected}")


def _room(pod: Pod, kind: str, whole: Decimal | None) -> Decimal | None:
    requests = ((one.get("resources") or {}).get("requests") or {} for one in pod.serving)
    taken = sum((quantity.parse(one.get(kind)) or Decimal(0) for one in requests), Decimal(0))
    return None if whole is None else whole - taken
