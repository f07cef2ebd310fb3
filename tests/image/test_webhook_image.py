"""The webhook's image, run as its Deployment runs it: another user than root, a read-only root, no capability."""

from __future__ import annotations

import json

import pytest

from image.build import build
from image.conftest import CACHE
from image.engine import Engine

SANDBOX = (
    "--rm",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--read-only",
    "--network=none",
    "--memory=128m",
)
POD = b"""
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {tcp-sniffer/inject: "true"}}
spec: {containers: [{name: app, image: nginx, ports: [{containerPort: 8080}]}]}
"""


@pytest.fixture(scope="module")
def webhook(docker: Engine) -> str:
    tag = "tcp-sniffer-webhook:test"
    build(docker, tag, CACHE, target="webhook")
    return tag


def test_it_explains(docker: Engine, webhook: str) -> None:
    done = docker("run", "--interactive", *SANDBOX, webhook, "explain", "-f", "-", "-o", "json", stdin=POD)
    (explanation,) = json.loads(done.stdout)
    assert explanation["decision"] == "inject"


def test_without_a_cluster_it_says_what_it_needs(docker: Engine, webhook: str) -> None:
    """All that the server imports is there, the certificates' part too."""
    done = docker("run", *SANDBOX, webhook, "serve", "--manage-certificates", check=False)
    assert done.returncode == 2
    assert "expected a pod's service account, $KUBECONFIG, --kubeconfig" in json.loads(done.stderr)["message"]


def test_it_is_no_root_and_holds_no_library(docker: Engine, webhook: str) -> None:
    assert docker.text("image", "inspect", "--format", "{{.Config.User}}", webhook) == "65532:65532"
    found = docker("run", *SANDBOX, "--entrypoint=find", webhook, "/opt", "-name", "libsniffer*")
    assert found.stdout == b""
