"""Certificates by the webhook's own authority, which its Secret holds."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cluster.injector import NAME, NAMESPACE
from cluster.kubectl import Kubectl
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = f"{NAME}.{NAMESPACE}.svc"


def write(kubectl: Kubectl, path: Path, *, expires: timedelta) -> None:
    """A key and a certificate for the webhook's Service, in one PEM file."""
    data = kubectl.of(NAMESPACE).get("secret", f"{NAME}-tls")["data"]
    authority = x509.load_pem_x509_certificates(base64.b64decode(data["ca.crt"]))[0]
    signer = serialization.load_pem_private_key(base64.b64decode(data["ca.key"]), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    ends = datetime.now(UTC) + expires
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(hours=1))
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
