"""`--client-ca`: reviews for clients with a certificate, health for all."""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path

import aiohttp
import pytest
from api import Api
from certificates import Authority
from conftest import Serve, Serving, review_of
from pods import pod

Client = tuple[Path, Path]  # a certificate and its key


def asking(serving: Serving, client: Client | None) -> aiohttp.ClientSession:
    context = ssl.create_default_context(cadata=serving.trusted.decode())
    if client:
        context.load_cert_chain(*client)
    return aiohttp.ClientSession(serving.url, connector=aiohttp.TCPConnector(ssl=context))


async def status(serving: Serving, client: Client | None, path: str = "/mutate/pod") -> int:
    async with asking(serving, client) as session:
        method = "POST" if path.startswith("/mutate") else "GET"
        async with session.request(method, path, json=review_of(pod()) if method == "POST" else None) as answer:
            return answer.status


async def is_refused(serving: Serving, client: Client) -> bool:
    """In TLS; with version 1.3 a client learns of it by what it reads first."""
    try:
        await status(serving, client)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        return True
    return False


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return authority_in(tmp_path, "ours")


def authority_in(folder: Path, name: str) -> Authority:
    (folder / name).mkdir()
    return Authority(folder / name)


@pytest.fixture
def trusted(authority: Authority) -> Client:
    return authority.issue("kube-apiserver")


@pytest.fixture
def file(tmp_path: Path, authority: Authority) -> Path:
    file = tmp_path / "clients.pem"
    file.write_bytes(authority.certificate.read_bytes())
    return file


def lay(file: Path, content: bytes) -> None:
    file.write_bytes(content)


@pytest.fixture
async def serving(serve: Serve, file: Path) -> Serving:
    started: Serving = await serve(f"--client-ca={file}")
    return started


async def test_who_has_one_is_answered(serving: Serving, trusted: Client) -> None:
    assert await status(serving, trusted) == 200


async def test_who_has_none_gets_health_alone(serving: Serving) -> None:
    """A kubelet's probe has none."""
    assert await status(serving, None) == 403
    assert await status(serving, None, "/mutate/namespace") == 403
    assert await status(serving, None, "/healthz") == 200
    assert await status(serving, None, "/readyz") == 200


async def test_one_of_somebody_else_or_that_is_over(serving: Serving, authority: Authority, tmp_path: Path) -> None:
    assert await is_refused(serving, authority_in(tmp_path, "foreign").issue("kube-apiserver"))
    over = authority.issue("over", days=0)
    await asyncio.sleep(1.1)
    assert await is_refused(serving, over)


async def test_a_file_that_changes(serving: Serving, trusted: Client, file: Path, tmp_path: Path) -> None:
    """What cannot be read changes nothing."""
    lay(file, b"no certificate")
    failed = await serving.logged("client_ca_failed")
    assert "clients.pem: expected certificates in PEM" in failed["message"]
    assert await status(serving, trusted) == 200
    another = authority_in(tmp_path, "another")
    lay(file, another.certificate.read_bytes())
    await serving.logged("client_ca_loaded")
    assert await is_refused(serving, trusted)
    assert await status(serving, another.issue("kube-apiserver")) == 200


@pytest.mark.parametrize("content", [None, b"", b"\n", b"no certificate", b"\xff\x00"])
async def test_no_start_without_it(api: Api, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "clients.pem"
    if content is not None:
        file.write_bytes(content)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "webhook", "serve", "--listen=127.0.0.1:0", f"--client-ca={file}"),
        f"--kubeconfig={api.kubeconfig(tmp_path)}",
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert f"--client-ca {file}: expected certificates in PEM" in said.decode()
    assert "Traceback" not in said.decode()
