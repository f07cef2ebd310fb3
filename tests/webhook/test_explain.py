"""`tcp-sniffer-webhook explain` as a person uses it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml
from pods import pod

from webhook.cli import main


def explain(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    code = main(["explain", *options])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pod.yaml"
    path.write_text(yaml.safe_dump(pod()))
    return path


def test_text(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = explain(capsys, "-f", str(file))
    assert code == 0
    assert out.startswith(
        "Pod default/web: inject\nreason: injected: the sidecar is added as a native sidecar\npatch:\n"
    )
    assert "\npod:\n  apiVersion: v1\n" in out


def test_stdin_and_labels(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(yaml.safe_dump(pod(labels={}))))
    _, out, _ = explain(capsys, "-f", "-", "--namespace-labels", "a=b,tcp-sniffer/inject=true", "-n", "shop")
    assert out.startswith("Pod shop/web: inject\n")


def test_many_documents_and_lists(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What makes no pods is passed over."""
    template = {"metadata": {"labels": {"tcp-sniffer/inject": "true"}}, "spec": pod()["spec"]}
    cron = {"kind": "CronJob", "metadata": {"name": "c"}, "spec": {"jobTemplate": {"spec": {"template": template}}}}
    more = tmp_path / "more.yaml"
    more.write_text(yaml.safe_dump_all([{"kind": "List", "items": [cron, {"kind": "Service"}]}, None]))
    code, out, _ = explain(capsys, "-f", str(file), "-f", str(more), "-o", "json")
    assert code == 0
    assert [(one["kind"], one["decision"]) for one in json.loads(out)] == [("Pod", "inject"), ("CronJob", "inject")]


@pytest.mark.parametrize("wrap", [True, False])
def test_config_map(wrap: bool, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A manifest, or what stands in it."""
    text = "sampleRate: 7\n"
    config_map = tmp_path / "config.yaml"
    config_map.write_text(yaml.safe_dump({"kind": "ConfigMap", "data": {"sniffer.yaml": text}}) if wrap else text)
    _, out, _ = explain(capsys, "-f", str(file), "--config-map", str(config_map))
    assert "reason: invalid_config_map" in out
    assert "ConfigMap tcp-sniffer, sniffer.yaml:1: sampleRate: expected a number from 0 to 1, got 7" in out


def test_settings_and_version(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("onInvalid: deny\nimage: r/sniffer:2\nallowedAnnotations: []\n")
    _, out, _ = explain(capsys, "-f", str(file), "--settings", str(settings), "--kubernetes-version", "1.28")
    assert "as a container beside the others" in out
    assert "image: r/sniffer:2" in out
    file.write_text(yaml.safe_dump(pod(annotations={"ports": "80"})))
    _, out, _ = explain(capsys, "-f", str(file), "--settings", str(settings))
    assert out.startswith("Pod default/web: deny\nreason: invalid_annotation")
    assert "patch" not in out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "x.yaml:1:5: expected valid YAML (expected the node content"),
        ("kind: Pod\nspec: {a: b: c}", "x.yaml:2:12: expected valid YAML"),
        ("\x01", "expected valid YAML"),
        ("kind: [Pod]", "each with a `kind`"),
        ("kind: Pod\nmetadata: text", "Pod: expected a mapping as `metadata`"),
        ("kind: Deployment\nspec: {template: text}", "Deployment: expected a mapping as `template`"),
        ("kind: CronJob\nspec: {jobTemplate: {spec: 1}}", "CronJob: expected a mapping as `spec`"),
        (
            "kind: Pod\nspec: {containers: text}",
            "Pod default/(no name): not shaped like a pod (spec.containers must be",
        ),
        (
            "kind: Pod\nmetadata: {name: web, labels: {tcp-sniffer/inject: true}}",
            'Pod default/web: not shaped like a pod (metadata.labels must map text to text, such as "true" in quotes)',
        ),
        ("just text", "each with a `kind`"),
        ("kind: Service", "no pod, nor anything that makes pods"),
        ("", "no pod, nor anything that makes pods"),
    ],
)
def test_bad_manifests(text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    code, out, err = explain(capsys, "-f", str(path))
    assert (code, out) == (2, "")
    assert said in err


def test_options_are_written_out(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        explain(capsys, "-f", str(file), "--namespace-label", "a=b")
    assert ended.value.code == 2
    assert "unknown option --namespace-label: the nearest is --namespace-labels" in capsys.readouterr().err


def test_a_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = explain(capsys, "-f", "nowhere.yaml")
    assert code == 2
    assert "nowhere.yaml: expected a file that can be read" in err


def test_bad_settings(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every mistake at once, each with its line."""
    settings = tmp_path / "settings.yaml"
    settings.write_text("onInvalid: maybe\nresources:\n  cpuLimit: lots\nimages: x\n")
    code, _, err = explain(capsys, "-f", str(file), "--settings", str(settings))
    assert code == 2
    assert f'{settings}:1: onInvalid: expected one of skip, deny, got "maybe"' in err
    assert f"{settings}:3: resources.cpuLimit: expected an amount of CPU" in err
    assert f"{settings}:4: images: expected a known field, of which image is the nearest" in err


def test_settings_with_which_no_pod_would_start(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text('resources:\n  cpuRequest: "2"\n  memoryRequest: 32Mi\n  memoryLimit: 48Mi\n')
    code, _, err = explain(capsys, "-f", str(file), "--settings", str(settings))
    assert code == 2
    assert f'{settings}:4: resources.memoryLimit: expected at least 64Mi, got "48Mi"' in err
    assert f'{settings}:2: resources.cpuRequest: expected at most cpuLimit (100m), got "2"' in err


@pytest.mark.parametrize("option", [["--namespace-labels", "x"], ["--kubernetes-version", "new"]])
def test_bad_options(option: list[str], file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        explain(capsys, "-f", str(file), *option)
    assert ended.value.code == 2
    assert "expected" in capsys.readouterr().err
