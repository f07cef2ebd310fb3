"""The webhook's own certificates: an authority that signs what it serves with. Pure: time is an argument.

What the Secret holds is `Material`. `next_step` takes it one step further, and only one: a new authority must be known
to the API server before anything that it signed is served.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Clocks differ: a certificate is valid a little before it is made.
_BACKDATED = timedelta(minutes=5)
# The Secret's keys, those of type kubernetes.io/tls, and the authority's own key.
_AUTHORITIES, _AUTHORITY_KEY, _CERTIFICATE, _KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"


@dataclass(frozen=True)
class Lifetimes:
    """An authority's third must outlast a serving certificate: what it signed last ends before it does."""

    serving: timedelta = timedelta(days=90)
    authority: timedelta = timedelta(days=365)

    @property
    def pause(self) -> timedelta:
        """Between two steps: time for every replica and API server to see the first."""
        return min(timedelta(seconds=60), self.serving / 12)


@dataclass(frozen=True)
class Material:
    """PEM. `authorities` has the newest first, and `authority_key` is its key; older ones stay until they expire."""

    authorities: bytes
    authority_key: bytes
    certificate: bytes
    key: bytes

    @classmethod
    def from_secret(cls, data: Mapping[str, bytes]) -> Material | None:
        """None where it is empty or cannot be used: then there is nothing to keep."""
        try:
            found = cls(data[_AUTHORITIES], data[_AUTHORITY_KEY], data[_CERTIFICATE], data[_KEY])
            found._check()
        except (KeyError, ValueError, TypeError, InvalidSignature):
            return None
        return found

    def to_secret(self) -> dict[str, bytes]:
        return {
            _AUTHORITIES: self.authorities,
            _AUTHORITY_KEY: self.authority_key,
            _CERTIFICATE: self.certificate,
            _KEY: self.key,
        }

    @property
    def expires(self) -> datetime:
        return x509.load_pem_x509_certificate(self.certificate).not_valid_after_utc

    def _check(self) -> None:
        authorities = x509.load_pem_x509_certificates(self.authorities)
        certificate = x509.load_pem_x509_certificate(self.certificate)
        for key, owner in ((self.authority_key, authorities[0]), (self.key, certificate)):
            if _load_key(key).public_key() != owner.public_key():
                raise ValueError("the key is not the certificate's")
        issuer = next(one for one in [*authorities, None] if one is None or one.subject == certificate.issuer)
        if issuer is None:
            raise ValueError("the certificate's authority is not there")
        certificate.verify_directly_issued_by(issuer)


def next_step(material: Material | None, names: Sequence[str], now: datetime, lives: Lifetimes) -> Material:
    """The same `material` where there is nothing to do; else with its next step. Call again after `lives.pause`."""
    if material is None or now >= material.expires:
        return _fresh(names, now, lives)
    newest, *older = x509.load_pem_x509_certificates(material.authorities)
    if now >= _renewal(newest):
        key, authority = _authority(now, lives)
        kept = [one for one in (newest, *older) if one.not_valid_after_utc > now]
        return replace(material, authorities=_pem(authority, *kept), authority_key=_key_pem(key))
    serving = x509.load_pem_x509_certificate(material.certificate)
    is_known = now >= newest.not_valid_before_utc + _BACKDATED + lives.pause
    is_due = now >= _renewal(serving) or _names(serving) != set(names)
    if is_due and (is_known or serving.issuer == newest.subject):
        certificate, key_pem = _serving(names, newest, _load_key(material.authority_key), now, lives)
        return replace(material, certificate=certificate, key=key_pem)
    if len(alive := [one for one in (newest, *older) if one.not_valid_after_utc > now]) <= len(older):
        return replace(material, authorities=_pem(*alive))
    return material


def _renewal(certificate: x509.Certificate) -> datetime:
    """At two thirds of its life."""
    began = certificate.not_valid_before_utc + _BACKDATED
    return began + (certificate.not_valid_after_utc - began) * 2 / 3


def _fresh(names: Sequence[str], now: datetime, lives: Lifetimes) -> Material:
    key, authority = _authority(now, lives)
    certificate, serving_key = _serving(names, authority, key, now, lives)
    return Material(_pem(authority), _key_pem(key), certificate, serving_key)


def _authority(now: datetime, lives: Lifetimes) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    # A name of its own: by it the authority of a certificate is found, in this file and by OpenSSL.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"tcp-sniffer-webhook-ca {now:%Y-%m-%dT%H:%M:%S.%fZ}")])
    builder = _builder(name, name, key, now, now + lives.authority)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return key, builder.sign(key, hashes.SHA256())


def _serving(
    names: Sequence[str],
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lives: Lifetimes,
) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    # The common name has room for 64 letters; the names themselves stand in the extension.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tcp-sniffer-webhook")])
    expires = min(now + lives.serving, authority.not_valid_after_utc)
    builder = _builder(subject, authority.subject, key, now, expires)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([*map(_general_name, names)]), critical=False)
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    known_by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    builder = builder.add_extension(known_by, critical=False)
    return _pem(builder.sign(authority_key, hashes.SHA256())), _key_pem(key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, expires: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(expires)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    if re.fullmatch(r"[0-9.]+|.*:.*", name):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def _names(certificate: x509.Certificate) -> set[str]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(one.value) for one in extension}


def _pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("expected a key of an elliptic curve")
    return key


def now() -> datetime:
    return datetime.now(UTC)
