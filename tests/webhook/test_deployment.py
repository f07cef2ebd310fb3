"""What is under config/: that it renders, is valid, says what the docs promise, and that the chart says the same."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from webhook import settings

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
Objects = dict[tuple[str, str], dict[str, Any]]

pytestmark = pytest.mark.timeout(900)

# An overlay, and the chart's values that are to give the same.
OVERLAYS = {
    "base": ["certificates=none"],
    "overlays/self-signed": [],
    "overlays/cert-manager": ["certificates=cert-manager"],
    "overlays/strict": ["failurePolicy=Fail", "settings.onInvalid=deny"],
}


@pytest.fixture(scope="session")
def tools() -> Path:
    subprocess.run([ROOT / "scripts" / "manifest-tools"], check=True)
    return ROOT / ".cache" / "manifests"


def kustomize(tools: Path, folder: Path) -> Objects:
    return objects(run(tools / "kustomize", "build", str(folder)))


def helm(tools: Path, *values: str, version: str = "1.34.0") -> Objects:
    options = [f"--set={value}" for value in ("createNamespace=true", *values)]
    return objects(
        run(
            tools / "helm",
            "template",
            "x",
            str(CONFIG / "chart"),
            "-n=tcp-sniffer",
            f"--kube-version={version}",
            *options,
        )
    )


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(text: str) -> Objects:
    """By kind and name. The settings are YAML in a text: what they say counts, not how it is laid out."""
    found: Objects = {}
    for one in yaml.safe_load_all(text):
        key = (one["kind"], one["metadata"]["name"])
        assert key not in found
        if "settings.yaml" in one.get("data", {}):
            one["data"]["settings.yaml"] = yaml.safe_load(one["data"]["settings.yaml"])
        found[key] = one
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_chart_says_the_same(tools: Path, overlay: str) -> None:
    by_kustomize, by_helm = kustomize(tools, CONFIG / overlay), helm(tools, *OVERLAYS[overlay])
    assert by_helm.keys() == by_kustomize.keys()
    for key, one in by_kustomize.items():
        assert by_helm[key] == one, key


@pytest.mark.parametrize("overlay", [*OVERLAYS, "overlays/certificates-job"])
def test_every_object_is_valid(tools: Path, overlay: str) -> None:
    for (kind, name), one in kustomize(tools, CONFIG / overlay).items():
        assert one["metadata"]["labels"]["app.kubernetes.io/name"] == "tcp-sniffer-webhook", (kind, name)
        if one["apiVersion"].startswith("cert-manager.io"):
            continue  # a kind that Kubernetes' own schema does not know
        checked = one
        if kind == "ConfigMap":
            checked = {**one, "data": {"settings.yaml": "text"}}
        kubernetes_validate.validate(checked, "1.34", strict=True)


def test_the_two_webhooks_part_the_pods(tools: Path) -> None:
    """Every pod that is labelled, or whose namespace is, is selected by exactly one; no other by any."""
    configuration = kustomize(tools, CONFIG / "base")["MutatingWebhookConfiguration", "tcp-sniffer-webhook"]
    for namespace_label in (None, "true", "false"):
        for pod_label in (None, "true", "false"):
            paths = [*selected(configuration, namespace_label, pod_label, "shop")]
            wanted = pod_label == "true" or (pod_label is None and namespace_label == "true")
            by_namespace = namespace_label == "true"
            expected = [f"/mutate/{'namespace' if by_namespace else 'pod'}"] if wanted else []
            assert paths == expected, (namespace_label, pod_label)
    for excluded in ("kube-system", "kube-node-lease", "tcp-sniffer"):
        assert not [*selected(configuration, "true", "true", excluded)]
    for webhook in configuration["webhooks"]:
        assert (webhook["failurePolicy"], webhook["timeoutSeconds"], webhook["sideEffects"]) == ("Ignore", 5, "None")
        assert webhook["rules"][0]["operations"] == ["CREATE"]


def selected(
    configuration: dict[str, Any], namespace_label: str | None, pod_label: str | None, namespace: str
) -> Iterator[str]:
    labels = {"kubernetes.io/metadata.name": namespace, "tcp-sniffer/inject": namespace_label}
    for webhook in configuration["webhooks"]:
        if matches(webhook["namespaceSelector"], labels) and matches(
            webhook["objectSelector"], {"tcp-sniffer/inject": pod_label}
        ):
            yield webhook["clientConfig"]["service"]["path"]


def matches(selector: dict[str, Any], labels: dict[str, str | None]) -> bool:
    """NotIn holds for a label that is absent, too (docs: labels and selectors)."""
    return all(
        (labels[one["key"]] in one["values"]) == (one["operator"] == "In") for one in selector["matchExpressions"]
    )


def test_rights_are_the_least(tools: Path) -> None:
    rights = {}
    for (kind, name), one in kustomize(tools, CONFIG / "overlays/self-signed").items():
        if kind in ("ClusterRole", "Role"):
            rights[kind, name] = [
                (rule["resources"], rule.get("resourceNames"), rule["verbs"]) for rule in one["rules"]
            ]
    assert rights == {
        ("ClusterRole", "tcp-sniffer-webhook"): [
            (["namespaces"], None, ["get"]),
            (["configmaps"], ["tcp-sniffer"], ["get"]),
            (["persistentvolumeclaims"], ["tcp-sniffer-captures"], ["get"]),
        ],
        ("ClusterRole", "tcp-sniffer-webhook-certificates"): [
            (["mutatingwebhookconfigurations"], ["tcp-sniffer-webhook"], ["get", "update"])
        ],
        ("Role", "tcp-sniffer-webhook-certificates"): [(["secrets"], ["tcp-sniffer-webhook-tls"], ["get", "update"])],
    }


def test_with_the_job_the_server_changes_nothing(tools: Path) -> None:
    found = kustomize(tools, CONFIG / "overlays/certificates-job")
    name = "tcp-sniffer-webhook-certificates"
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        assert [one["name"] for one in found[kind, name]["subjects"]] == [name]
    assert found["Deployment", "tcp-sniffer-webhook"]["spec"]["template"]["spec"]["containers"][0]["args"] == ["serve"]
    first, daily = found["Job", name]["spec"], found["CronJob", name]["spec"]["jobTemplate"]["spec"]
    assert first["template"] == daily["template"]


def test_before_1_32_the_nodes_are_asked(tools: Path, tmp_path: Path) -> None:
    kustomization = {
        "resources": [str(CONFIG / "overlays/self-signed")],
        "components": [str(CONFIG / "components/kubernetes-before-1.32")],
    }
    folder = overlay_of(tmp_path, kustomization)
    role = ("ClusterRole", "tcp-sniffer-webhook")
    assert kustomize(tools, folder)[role] == helm(tools, version="1.31.9")[role]
    assert helm(tools)[role] != helm(tools, version="1.31.9")[role]


def test_an_apps_namespace_gets_the_config_map(tools: Path, tmp_path: Path) -> None:
    kustomization = {"namespace": "shop", "components": [str(CONFIG / "components/app-namespace")]}
    found = kustomize(tools, overlay_of(tmp_path, kustomization))
    (config_map,) = found.values()
    assert config_map["metadata"] == {"name": "tcp-sniffer", "namespace": "shop"}
    text = config_map["data"]["sniffer.yaml"]
    assert yaml.safe_load(text) is None  # nothing is chosen, so nothing overrides what the webhook derives
    assert "# outputUrl: " in text


def test_a_role_for_those_who_may_read_recordings(tools: Path, tmp_path: Path) -> None:
    kustomization = {"namespace": "shop", "components": [str(CONFIG / "components/recording-readers")]}
    (role,) = kustomize(tools, overlay_of(tmp_path, kustomization)).values()
    kubernetes_validate.validate(role, "1.34", strict=True)
    assert (role["kind"], role["metadata"]["namespace"]) == ("Role", "shop")
    rights = {resource: rule["verbs"] for rule in role["rules"] for resource in rule["resources"]}
    assert rights == {"pods": ["get", "list"], "pods/exec": ["create"], "pods/portforward": ["create"]}


def test_the_commented_defaults_are_in_step(tmp_path: Path) -> None:
    run(ROOT / "scripts" / "config-map", str(tmp_path / "made.yaml"))
    made, kept = (tmp_path / "made.yaml").read_text(), (CONFIG / "components/app-namespace/sniffer.yaml").read_text()
    assert made == kept, "config/sniffer.yaml has changed: run scripts/config-map"


def overlay_of(folder: Path, kustomization: dict[str, Any]) -> Path:
    """Kustomize takes paths of other folders as relative ones only."""
    base = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    for part in ("resources", "components"):
        if part in kustomization:
            kustomization[part] = [str(Path("../" * len(folder.parts)) / path[1:]) for path in kustomization[part]]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(base | kustomization))
    return folder


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_settings_are_the_webhooks(tools: Path, overlay: str, tmp_path: Path) -> None:
    found = kustomize(tools, CONFIG / overlay)["ConfigMap", "tcp-sniffer-webhook"]["data"]["settings.yaml"]
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(found))
    loaded = settings.load(str(path))
    assert loaded.on_invalid == ("deny" if overlay == "overlays/strict" else "skip")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("failurePolicy=Sometimes", "failurePolicy"),
        ("certificates=letsencrypt", "certificates"),
        ("replicas=0", "replicas"),
        ("colour=blue", "colour"),
        ("apiServerPorts[0]=70000", "apiServerPorts"),
    ],
)
def test_wrong_values_are_refused(tools: Path, value: str, told: str) -> None:
    command = [tools / "helm", "template", "x", CONFIG / "chart", f"--set={value}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode != 0
    assert told in done.stderr


def test_the_chart_lints(tools: Path) -> None:
    run(tools / "helm", "lint", "--strict", str(CONFIG / "chart"))
