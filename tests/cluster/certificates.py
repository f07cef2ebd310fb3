"""The cluster's authority and keys, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path


def authority(folder: Path, *addresses: str) -> None:
    """Writes ca.pem, the API server's tls.pem and tls.key for the addresses and names, and service-accounts.key."""
    _openssl("req", "-x509", *_NEW_KEY, "-keyout", folder / "ca.key", "-out", folder / "ca.pem", "-days", "2",
             "-subj", "/CN=tcp-sniffer-cluster", "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    _openssl(
        "req",
        "-new",
        *_NEW_KEY,
        "-keyout",
        folder / "tls.key",
        "-out",
        folder / "tls.csr",
        "-subj",
        "/CN=kube-apiserver",
    )
    names = ",".join(f"{'IP' if name[0].isdigit() else 'DNS'}:{name}" for name in addresses)
    (folder / "tls.ext").write_text(f"subjectAltName={names}\nauthorityKeyIdentifier=keyid\n")
    _openssl("x509", "-req", "-in", folder / "tls.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
             "-CAcreateserial", "-days", "2", "-extfile", folder / "tls.ext", "-out", folder / "tls.pem")  # fmt: skip
    _openssl("genrsa", "-out", folder / "service-accounts.key", "2048")


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
