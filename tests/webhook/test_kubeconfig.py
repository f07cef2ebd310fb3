"""Where the API server is and who we are there."""

from __future__ import annotations

from pathlib import Path

import pytest
from api import TOKEN, Api

from webhook import kubeconfig
from webhook.kubeconfig import AccessError
from webhook.kubernetes import Client


async def test_in_a_pod_the_service_account_is_used(api: Api, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes((api.kubeconfig(tmp_path).parent / "api-ca.pem").read_bytes())
    (tmp_path / "token").write_text(TOKEN + "\n")
    host, port = api.url.removeprefix("https://").split(":")
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    async with Client(kubeconfig.in_cluster(environment, tmp_path)) as client:
        assert (await client.get("/version"))["major"] == "1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "lacks 'current-context'"),
        ("a: [", "expected a kubeconfig, in YAML or JSON (while parsing"),
        ("only text", "it is not shaped like one"),
        ("current-context: x\ncontexts: []", "lacks \"context 'x'\""),
        (
            "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
            "clusters: [{name: c, cluster: {server: https://x}}]\nusers: [{name: u, user: {exec: {}}}]",
            "credential plugins are not run",
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(AccessError, match=told.replace("(", r"\(")):
        kubeconfig.find(str(path))


def test_nothing_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="expected a pod's service account"):
        kubeconfig.find(None, {"KUBECONFIG": str(tmp_path / "none")})
    with pytest.raises(AccessError, match="automountServiceAccountToken"):
        kubeconfig.in_cluster({"KUBERNETES_SERVICE_HOST": "::1"}, tmp_path)
