"""The server's side of TLS, with a certificate that can be changed while connections are open."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from cryptography import x509

from webhook import memory_file


class CertificateError(Exception):
    """A certificate and key that cannot be served; the text says why."""


class Certificate:
    """`context` is for the server's socket. A handshake takes what was loaded last; open connections keep theirs.

    A context of its own for each certificate: one that is loaded into by halves would serve a key that does not fit.
    With `asks` clients are asked for a certificate of their own. One that does not verify ends the handshake; who has
    none is let in, for a kubelet's probe has none: `is_trusted` tells.
    """

    def __init__(self, *, asks: bool = False) -> None:
        self._asks = asks
        self.context = _context(asks=asks)
        # Called for clients that name no server, too.
        self.context.sni_callback = self._choose
        self._current: ssl.SSLContext | None = None
        self._loaded = (b"", b"")
        self._clients: bytes | None = None
        self.expires: datetime | None = None

    @property
    def is_loaded(self) -> bool:
        return self._current is not None

    def load(self, certificate: bytes, key: bytes) -> bool:
        """PEM, the chain and its key; False where they are those of before. Raises CertificateError and keeps those."""
        if (certificate, key) == self._loaded:
            return False
        context = _context(asks=self._asks)
        try:
            memory_file.load_cert_chain(context, certificate, key)
            expires = x509.load_pem_x509_certificates(certificate)[0].not_valid_after_utc
        except (ssl.SSLError, ValueError, OSError) as error:
            raise CertificateError(f"expected a certificate in PEM and the key that belongs to it ({error})") from error
        if self._clients:
            _trust(context, self._clients)
        self._current, self._loaded, self.expires = context, (certificate, key), expires
        return True

    def trust(self, authorities: bytes) -> bool:
        """PEM, whose clients are trusted from now on; False where they are those of before. Raises CertificateError and
        keeps those."""
        if authorities == self._clients:
            return False
        _trust(_context(asks=True), authorities)
        self._clients = authorities
        (certificate, key), self._loaded = self._loaded, (b"", b"")
        if certificate:
            self.load(certificate, key)
        return True

    def is_trusted(self, client: Mapping[str, object] | None) -> bool:
        """`client`: the peer's certificate as ssl gives it, verified; empty or None where it has none."""
        return bool(client) or not self._asks

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> int | None:
        if self._current is None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        connection.context = self._current
        return None


class CertificateFiles:
    """`tls.crt` and `tls.key` in a folder, as cert-manager and the kubelet lay them there."""

    def __init__(self, folder: Path, certificate: Certificate) -> None:
        self._folder = folder
        self._certificate = certificate

    def load(self) -> bool:
        """Whether they changed. Read whole each time: a mounted Secret changes by a link that is swapped.

        Raises CertificateError.
        """
        try:
            chain, key = ((self._folder / name).read_bytes() for name in ("tls.crt", "tls.key"))
        except OSError as error:
            raise CertificateError(f"expected tls.crt and tls.key in {self._folder} ({error})") from error
        return self._certificate.load(chain, key)


class ClientAuthorities:
    """The file of `--client-ca`."""

    def __init__(self, file: Path, certificate: Certificate) -> None:
        self._file = file
        self._certificate = certificate

    def load(self) -> bool:
        """Whether it changed. Raises CertificateError."""
        try:
            return self._certificate.trust(self._file.read_bytes())
        except (OSError, CertificateError) as error:
            raise CertificateError(f"--client-ca {self._file}: expected certificates in PEM ({error})") from error


def _trust(context: ssl.SSLContext, authorities: bytes) -> None:
    if not authorities.strip():
        raise CertificateError("it is empty")
    try:
        context.load_verify_locations(cadata=authorities.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise CertificateError(str(error)) from error


def _context(*, asks: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if asks:
        context.verify_mode = ssl.CERT_OPTIONAL
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # For version 1.2, as in Mozilla's "intermediate": forward secrecy and AEAD. Every API server knows them.
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.set_alpn_protocols(["http/1.1"])
    return context
