"""Certificates that the webhook makes for itself: when, by whom, and that no moment is without trust."""

from __future__ import annotations

import asyncio
import base64
import itertools
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from api import Api
from conftest import CONFIGURATION, Serve, eventually
from cryptography import x509

from webhook import certificates, kubeconfig, memory_file
from webhook.authority import Lifetimes, Material, next_step
from webhook.certificates import CertificatesError, Target, keep
from webhook.cli import main
from webhook.kubernetes import ApiError, Client

SECRET = "/api/v1/namespaces/tcp-sniffer/secrets/tcp-sniffer-webhook-tls"  # noqa: S105
NAMES = ("tcp-sniffer-webhook.tcp-sniffer.svc", "127.0.0.1")
LIVES = Lifetimes()
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def years(material: Material | None, count: float) -> list[tuple[datetime, Material]]:
    """What holds from when on, with a look every pause of one hour."""
    lives = Lifetimes(timedelta(days=90), timedelta(days=365))
    history: list[tuple[datetime, Material]] = []
    for hour in range(int(count * 365 * 24)):
        moment = BEGAN + timedelta(hours=hour)
        step = next_step(material, NAMES, moment, lives)
        if step != material:
            history.append((moment, step))
        material = step
    return history


def test_each_is_renewed_at_two_thirds_of_its_life() -> None:
    history = years(None, 1)
    serving = [moment for moment, step in history if step.certificate != history[0][1].certificate]
    assert (serving[0] - BEGAN).days == 60
    authorities = [moment for moment, step in history if step.authority_key != history[0][1].authority_key]
    assert (authorities[0] - BEGAN).days == 243


def test_three_years_never_change_two_things_at_once_nor_outlive_an_authority() -> None:
    history = years(None, 3)
    assert len(history) > 20
    for (_, before), (moment, after) in itertools.pairwise(history):
        new_authority = before.authority_key != after.authority_key
        new_certificate = before.certificate != after.certificate
        assert not (new_authority and new_certificate)
        assert after.expires - moment >= timedelta(days=29)
        # A client that trusts only what was announced before the change still trusts what is served after it.
        assert trusts(before.authorities, after)
        assert trusts(after.authorities, before)
        assert len(x509.load_pem_x509_certificates(after.authorities)) <= 3


def trusts(authorities: bytes, material: Material) -> bool:
    certificate = x509.load_pem_x509_certificate(material.certificate)
    issuers = [one for one in x509.load_pem_x509_certificates(authorities) if one.subject == certificate.issuer]
    for issuer in issuers:
        certificate.verify_directly_issued_by(issuer)
        assert certificate.not_valid_after_utc <= issuer.not_valid_after_utc
    return bool(issuers)


def test_a_new_authority_signs_nothing_before_it_is_known() -> None:
    first = next_step(None, NAMES, BEGAN, LIVES)
    moment = BEGAN + timedelta(days=300)  # both are due, and the certificate has run out long ago
    renewed = next_step(first, NAMES, moment, LIVES)
    assert renewed.certificate != first.certificate
    # Both due, the certificate still good: the authority first, then for a pause nothing.
    short = Lifetimes(timedelta(days=90), timedelta(days=90))
    first = next_step(None, NAMES, BEGAN, short)
    due = BEGAN + timedelta(days=61)
    announced = next_step(first, NAMES, due, short)
    assert (announced.certificate, announced.authority_key) != (first.certificate, first.authority_key)
    assert announced.certificate == first.certificate
    assert next_step(announced, NAMES, due + short.pause / 2, short) == announced
    assert next_step(announced, NAMES, due + short.pause, short).certificate != first.certificate


def test_other_names_need_another_certificate() -> None:
    first = next_step(None, NAMES, BEGAN, LIVES)
    assert next_step(first, NAMES[::-1], BEGAN, LIVES) == first
    other = next_step(first, ["elsewhere.svc"], BEGAN, LIVES)
    assert (other.certificate != first.certificate, other.authority_key) == (True, first.authority_key)


@pytest.mark.parametrize("broken", ["ca.crt", "ca.key", "tls.crt", "tls.key"])
def test_a_secret_that_does_not_fit_together_is_none(broken: str) -> None:
    good, other = (next_step(None, NAMES, BEGAN, LIVES).to_secret() for _ in range(2))
    assert Material.from_secret(good) is not None
    assert Material.from_secret({**good, broken: other[broken]}) is None
    assert Material.from_secret({**good, broken: b"nonsense"}) is None
    assert Material.from_secret({name: pem for name, pem in good.items() if name != broken}) is None


def test_openssl_accepts_what_is_made() -> None:
    """A client that is strict (X509_STRICT, RFC 5280) and a server, over memory."""
    material = next_step(None, NAMES, datetime.now(UTC), LIVES)
    server, client = (
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        ssl.create_default_context(cadata=material.authorities.decode()),
    )
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    memory_file.load_cert_chain(server, material.certificate, material.key)
    for name in NAMES:
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = [
            client.wrap_bio(to_client, to_server, server_hostname=name),
            server.wrap_bio(to_server, to_client, server_side=True),
        ]
        for _ in range(4):
            for end in ends:
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        assert ends[0].version() == "TLSv1.3"


@pytest.fixture
def cluster(api: Api) -> Api:
    """As the manifests leave it: an empty Secret, two webhooks without a caBundle."""
    api.put(SECRET, kind="Secret", type="Opaque")
    api.put(CONFIGURATION, webhooks=[{"name": name, "clientConfig": {"service": {}}} for name in ("namespace", "pod")])
    return api


def target(lives: Lifetimes = LIVES) -> Target:
    return Target("tcp-sniffer", "tcp-sniffer-webhook-tls", "tcp-sniffer-webhook", NAMES, lives)


def stored(api: Api) -> Material | None:
    data = api.objects[SECRET].get("data") or {}
    return Material.from_secret({name: base64.b64decode(text) for name, text in data.items()})


def bundles(api: Api) -> set[bytes]:
    return {base64.b64decode(one["clientConfig"].get("caBundle", "")) for one in api.objects[CONFIGURATION]["webhooks"]}


async def test_replicas_at_once_agree(cluster: Api, tmp_path: Path) -> None:
    access = kubeconfig.find(str(cluster.kubeconfig(tmp_path)))
    async with Client(access) as one, Client(access) as two:
        found = await asyncio.gather(*(keep(client, target()) for client in (one, two, one, two)))
        assert set(found) == {stored(cluster)}
        assert bundles(cluster) == {found[0].authorities}
        before = dict(cluster.calls)
        assert await keep(one, target()) == found[0]
    # Nothing to do: nothing is written.
    assert cluster.calls["PUT", SECRET] == before["PUT", SECRET]


async def test_short_lives_are_renewed_and_always_trusted(cluster: Api, tmp_path: Path) -> None:
    """Two replicas through several authorities: each pass serves what the caBundle of the moment trusts."""
    lives = Lifetimes(timedelta(seconds=4), timedelta(seconds=16))
    access = kubeconfig.find(str(cluster.kubeconfig(tmp_path)))
    authorities: set[bytes] = set()
    async with Client(access) as one, Client(access) as two:
        async with asyncio.timeout(90):
            while len(authorities) < 3:
                for material in await asyncio.gather(keep(one, target(lives)), keep(two, target(lives))):
                    authorities.add(material.authority_key)
                    (bundle,) = bundles(cluster)
                    assert trusts(bundle, material)
                await asyncio.sleep(lives.pause.total_seconds())


async def test_what_is_not_there_is_told(cluster: Api, tmp_path: Path) -> None:
    del cluster.objects[SECRET]
    async with Client(kubeconfig.find(str(cluster.kubeconfig(tmp_path)))) as client:
        with pytest.raises(CertificatesError, match="expected the Secret tcp-sniffer-webhook-tls, which the manifests"):
            await keep(client, target())


async def test_the_command_makes_them_once(cluster: Api, tmp_path: Path) -> None:
    options = ["certificates", f"--kubeconfig={cluster.kubeconfig(tmp_path)}", "--namespace=tcp-sniffer"]
    assert await asyncio.to_thread(main, options) == 0
    material = stored(cluster)
    assert material is not None
    assert bundles(cluster) == {material.authorities}


async def test_the_command_tells_who_it_is_not(cluster: Api, tmp_path: Path) -> None:
    other = kubeconfig.find(str(cluster.kubeconfig(tmp_path, token="another")))  # noqa: S106
    async with Client(other) as client:
        with pytest.raises(ApiError, match="401 Unauthorized"):
            await keep(client, target())
    refused = cluster.kubeconfig(tmp_path, token="another")  # noqa: S106
    assert await asyncio.to_thread(certificates.main, target(), str(refused)) == 1
    assert await asyncio.to_thread(certificates.main, target(), str(tmp_path / "none")) == 2


async def test_the_server_makes_and_serves_them(serve: Serve, cluster: Api) -> None:
    """`serve` waits until it is trusted by what stands in the caBundle."""
    serving = await serve("--certificate-lifetime=12s", "--authority-lifetime=48s", managed=True)
    first = stored(cluster)
    assert first is not None

    async def renewed() -> bool:
        await serving.ready()  # by a new connection each time, trusting what was announced last
        await serving.trust_stored(cluster)
        return (material := stored(cluster)) is not None and material.certificate != first.certificate

    await eventually(renewed)
    await serving.logged("certificate_loaded", times=2)


async def test_authorities_live_four_times_as_long(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["certificates", "--certificate-lifetime=90d", "--authority-lifetime=100d"])
    assert "expected at least four times --certificate-lifetime" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["certificates", "--certificate-lifetime=soon"])
    assert "expected a time such as 30s" in capsys.readouterr().err
