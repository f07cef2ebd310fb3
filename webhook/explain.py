"""`tcp-sniffer-webhook explain`: what the webhook would do with a manifest, without a cluster."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from appliance.config import ConfigError
from webhook import names, patch, settings
from webhook.decision import Decision, Inject, decide
from webhook.facts import Cluster, ConfigMap, Namespace, Version
from webhook.manifests import ManifestError, manifests, pod_of, read
from webhook.pod import Json, Pod, ShapeError, shaped

_DEFAULT_VERSION = "1.34"


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("explain", help="say what would happen to a manifest, without a cluster")
    parser.add_argument("-f", "--filename", action="append", required=True, metavar="FILE", help="`-` is stdin")
    parser.add_argument("-n", "--namespace", default="default", help="where the manifest says nothing")
    parser.add_argument(
        "--namespace-labels", type=_labels, metavar="NAME=VALUE,…", help="of the namespace, where no manifest has it"
    )
    parser.add_argument("--config-map", metavar="FILE", help="the namespace's ConfigMap, or its sniffer.yaml")
    parser.add_argument("--settings", metavar="FILE", help="the webhook's settings")
    parser.add_argument("--kubernetes-version", type=_version, default=_DEFAULT_VERSION, metavar="VERSION")
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    parser.set_defaults(handler=main)


def main(args: argparse.Namespace) -> int:
    try:
        context = _Context(args)
        explanations = [context.explain(manifest) for manifest in context.manifests if pod_of(manifest)]
    except (ConfigError, ManifestError) as error:
        print(f"tcp-sniffer-webhook explain: {error}", file=sys.stderr)
        return 2
    if not explanations:
        print("tcp-sniffer-webhook explain: no pod, nor anything that makes pods, in what was given", file=sys.stderr)
        return 2
    if args.output == "json":
        print(json.dumps(explanations, indent=2))
    else:
        print("\n---\n".join(map(_text, explanations)))
    return 0


class _Context:
    """The cluster as the command line and the manifests themselves describe it."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.manifests = [manifest for name in args.filename for manifest in manifests(name)]
        self._default_namespace = args.namespace
        self._labels = args.namespace_labels
        self._settings = settings.load(args.settings)
        self._cluster = Cluster(api_server=args.kubernetes_version)
        self._config_map = _config_map(args.config_map) if args.config_map else None

    def explain(self, manifest: Json) -> Json:
        template = pod_of(manifest)
        namespace = (manifest.get("metadata") or {}).get("namespace") or self._default_namespace
        try:
            pod = shaped(template or {}, namespace)
        except ShapeError as error:
            raise ManifestError(f"{_name(manifest, namespace)}: {error}") from error
        decision = decide(
            pod, self._namespace(namespace), self._config_map_of(namespace), self._settings, self._cluster
        )
        operations = self._operations(pod, decision)
        metadata = manifest.get("metadata") or {}
        return {
            "kind": manifest.get("kind"),
            "name": metadata.get("name") or metadata.get("generateName"),
            "namespace": namespace,
            **_verdict(decision, denies=self._settings.on_invalid == "deny"),
            "patch": operations,
            "pod": _patched(pod, operations),
        }

    def _operations(self, pod: Pod, decision: Decision) -> list[Json]:
        if isinstance(decision, Inject):
            return patch.inject(pod, decision, self._settings)
        return [] if decision.is_silent or self._settings.on_invalid == "deny" else patch.note(pod, decision)

    def _namespace(self, name: str) -> Namespace:
        labels = self._labels
        if labels is None:
            found = self._find("Namespace", name) or {}
            labels = (found.get("metadata") or {}).get("labels") or {}
        claim = self._find("PersistentVolumeClaim", names.CAPTURES_CLAIM, name)
        return Namespace(name, labels, has_captures_claim=claim is not None)

    def _config_map_of(self, namespace: str) -> ConfigMap:
        if self._config_map:
            return self._config_map
        found = self._find("ConfigMap", names.CONFIG_MAP, namespace)
        return ConfigMap(found.get("data") or {} if found else None)

    def _find(self, kind: str, name: str, namespace: str | None = None) -> Json | None:
        for manifest in self.manifests:
            metadata = manifest.get("metadata") or {}
            if (manifest.get("kind"), metadata.get("name")) == (kind, name) and (
                namespace in (None, metadata.get("namespace") or self._default_namespace)
            ):
                return manifest
        return None


def _name(manifest: Json, namespace: str) -> str:
    return f"{manifest['kind']} {namespace}/{Pod(manifest).name}"


def _verdict(decision: Decision, *, denies: bool) -> Json:
    if isinstance(decision, Inject):
        mode = "as a native sidecar" if decision.native else "as a container beside the others"
        return {
            "decision": "inject",
            "reason": "injected",
            "explanation": f"the sidecar is added {mode}",
            "warnings": decision.warnings,
        }
    return {
        "decision": "deny" if denies and not decision.is_silent else "skip",
        "reason": decision.reason,
        "explanation": decision.text,
        "warnings": decision.warnings,
    }


def _patched(pod: Pod, operations: list[Json]) -> Any:
    import jsonpatch

    return jsonpatch.apply_patch(pod.manifest, operations)


def _text(explanation: Mapping[str, Any]) -> str:
    lines = [
        f"{explanation['kind']} {explanation['namespace']}/{explanation['name']}: {explanation['decision']}",
        f"reason: {explanation['reason']}: {explanation['explanation']}",
        *(f"warning: {warning}" for warning in explanation["warnings"]),
    ]
    if explanation["patch"]:
        lines += ["patch:", *(f"  {json.dumps(operation)}" for operation in explanation["patch"])]
        lines += ["pod:", *_indented(yaml.safe_dump(explanation["pod"], sort_keys=False))]
    return "\n".join(lines)


def _indented(text: str) -> Iterator[str]:
    yield from (f"  {line}" for line in text.splitlines())


def _config_map(name: str) -> ConfigMap:
    """A manifest of a ConfigMap, or what stands in one."""
    text = read(name)
    try:
        manifest = yaml.safe_load(text)
    except yaml.YAMLError:
        manifest = None
    if isinstance(manifest, dict) and manifest.get("kind") == "ConfigMap":
        return ConfigMap(manifest.get("data") or {})
    return ConfigMap({names.CONFIG_KEY: text})


def _labels(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",") if part]
    if not all(name and separator for name, separator, _ in pairs):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE,NAME=VALUE, got {text!r}")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _version(text: str) -> Version:
    version = Version.parse(text)
    if version is None:
        raise argparse.ArgumentTypeError(f"expected a version such as {_DEFAULT_VERSION}, got {text!r}")
    return version
