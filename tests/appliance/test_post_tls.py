"""POST over TLS: whom it trusts, and how it shows who it is."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from certificates import Authority
from servers import Collector, collecting, get
from sniffing import Sniffing, options, until

from appliance import tls


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


async def test_tls_is_verified(tmp_path: Path, target: int, authority: Authority) -> None:
    """An authority nobody named: no record goes out."""
    async with collecting(Collector(), tls=authority.server()) as collector:
        url = f"https://127.0.0.1:{collector.port}/"
        more = ["--shutdown-timeout-ms", "200"]
        async with Sniffing(tmp_path / "s", *options(target, url, *more)) as sniffing:
            await get(target)
            await asyncio.sleep(1)
            assert await sniffing.stop() == 6
    assert collector.posts == []
    assert sniffing.sink("http")["dropped"] == {"drain_timeout": 2}


async def test_tls_with_an_authority_of_our_own(tmp_path: Path, target: int, authority: Authority) -> None:
    await assert_delivers(tmp_path, target, authority.server(), "--output-ca-file", str(authority.certificate))


async def test_mutual_tls(tmp_path: Path, target: int, authority: Authority) -> None:
    server = authority.server()
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(authority.certificate)
    certificate, key = authority.issue("client")
    more = ["--output-ca-file", str(authority.certificate), "--output-client-cert-file", str(certificate)]
    await assert_delivers(tmp_path, target, server, *more, "--output-client-key-file", str(key))


async def assert_delivers(tmp_path: Path, target: int, server: ssl.SSLContext, *more: str) -> None:
    async with collecting(Collector(), tls=server) as collector:
        url = f"https://127.0.0.1:{collector.port}/"
        async with Sniffing(tmp_path / "s", *options(target, url, *more)) as sniffing:
            await get(target)
            await until(lambda: len(collector.records) == 2, "the records")
            assert await sniffing.stop() == 0
    assert sniffing.sink("http")["delivered"] == 2


def test_a_key_of_another_certificate(authority: Authority) -> None:
    (certificate, _), (_, key) = authority.issue("one"), authority.issue("another")
    files = {tls.CA: str(authority.certificate), tls.CERTIFICATE: str(certificate), tls.KEY: str(key)}
    assert list(tls.unusable(files)) == [("outputClientKeyFile", "KEY_VALUES_MISMATCH")]
