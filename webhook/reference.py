"""The reference of labels, annotations, reasons and settings in Markdown: docs/annotations.md."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any

from appliance.config.describe import describe
from webhook import names, settings
from webhook.annotations import OWN, by_annotation

_INTRODUCTION = f"""\
# Labels and annotations

<!-- Made by `tcp-sniffer-webhook reference` from the schemas. Change those, not this. -->

The label `{names.INJECT}: "true"` on a pod or on its namespace opts in. The pod's own label wins: `"false"` opts out.
It is read when a pod is created, for the containers of a pod that exists cannot change: label the pods' template, and
the controller makes new ones; label a namespace, and restart what runs there.

Annotations of the pod (in a Deployment: of its template) say how. They win over the ConfigMap `{names.CONFIG_MAP}` of
the pod's namespace, whose key `{names.CONFIG_KEY}` holds what [configuration.md](configuration.md) describes. An
annotation that is empty counts as absent, an unknown one below `{names.PREFIX}` is a mistake. All mistakes of a pod
are told at once, to its creator as warnings and in its annotation `{names.STATUS}`; with the setting
`onInvalid: deny` it is refused with them. `tcp-sniffer-webhook explain -f pod.yaml` says the same without a cluster.

What neither says follows from the pod:

- ports: the TCP ports that the containers declare;
- output: the sidecar's standard output, so that a label alone gives messages; a record there has at most 16,000 bytes,
  for the container runtime splits longer lines;
- the times for the shutdown: both together a second less than `terminationGracePeriodSeconds`;
- resources: the settings'; in a pod of the class Guaranteed requests that equal the limits; what the pod as a whole has
  (`spec.resources`) is shared;
- always `onFatal: idle`: an injected sidecar that cannot capture must not make its pod unready.

## Annotations of the injection
"""

_WRITTEN = f"""
## Annotations that the webhook writes

| Annotation | What it says |
|---|---|
| `{names.STATUS}` | `injected`, or the reason and a sentence on why not |
| `{names.INJECTED}` | JSON: the version, the mode, and what was added |
| `{names.CAPTURE_FILES}` | JSON, where packets are recorded: the path of the pod's file in the sidecar, by the name \
of each container with a recorded port. `$(POD_NAME)` stands for a name that was not known yet. On a claim the files \
are below a folder of the pod's name. |

## Reasons for no sidecar

The first that holds is given. Those marked * are told nobody but the webhook's log and metrics.

| Reason | When |
|---|---|
"""

# In the order in which they are looked for.
REASONS = {
    "excluded_namespace": "* The settings exclude the namespace.",
    "opted_out": '* The label is `"false"`.',
    "not_labelled": '* Neither the pod nor its namespace has the label with the value `"true"`.',
    "already_injected": "* The sidecar is there.",
    "host_network": "`hostNetwork: true`: the sidecar would hear all pods of the node.",
    "windows": "The pod is for Windows nodes.",
    "pod_security": "The namespace enforces Pod Security `baseline` or `restricted`, which refuse NET_RAW.",
    "name_conflict": "A container, volume or mount path of the sidecar's is there already, made by somebody else.",
    "invalid_annotation": "An annotation is wrong, unknown, or not allowed by the settings.",
    "invalid_config_map": "The namespace's ConfigMap is wrong.",
    "no_ports": "Neither annotation, ConfigMap nor the containers' declarations give a port.",
    "needs_native_sidecar": "The pod runs to completion, and beside a plain container it never would.",
}


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("reference", help="print the reference of annotations, reasons and settings")
    parser.set_defaults(handler=main)


def main(_args: argparse.Namespace) -> int:
    print(reference(), end="")
    return 0


def reference() -> str:
    return "".join(
        [
            _INTRODUCTION,
            "\n| Annotation | Value | What it does |\n|---|---|---|\n",
            *_own(),
            "\n## Annotations of the configuration\n\nEach is a field of [configuration.md](configuration.md).\n",
            "A list is written `A,B,C`.\n\n| Annotation | Field | Value | Default |\n|---|---|---|---|\n",
            *_fields(),
            _WRITTEN,
            *(_row(f"`{reason}`", text) for reason, text in REASONS.items()),
            f"\n## Settings\n\nThe administrator's, in the webhook's ConfigMap (`{settings.DEFAULT_FILE}`).\n",
            "\n| Setting | Value | Default | What it does |\n|---|---|---|---|\n",
            *_settings("", settings.schema()),
        ]
    )


def _own() -> Iterator[str]:
    for name, own in OWN.items():
        yield _row(f"`{names.PREFIX}{name}`", own.expected, own.description)


def _fields() -> Iterator[str]:
    for annotation, field in by_annotation().items():
        yield _row(f"`{annotation}`", f"`{field.name}`", describe(field.schema), _default(field.schema))


def _settings(prefix: str, schema: Mapping[str, Any]) -> Iterator[str]:
    for name, rule in schema["properties"].items():
        if rule["type"] == "object":
            yield from _settings(f"{prefix}{name}.", rule)
        else:
            description = rule.get("description") or schema["description"]
            yield _row(f"`{prefix}{name}`", describe(rule), _default(rule), description)


def _default(schema: Mapping[str, Any]) -> str:
    if "x-default" in schema:
        return str(schema["x-default"])
    return f"`{json.dumps(schema['default'])}`" if "default" in schema else "none"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
