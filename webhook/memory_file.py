"""Keys for OpenSSL that never touch a disk: Python's ssl takes paths only, and a pod's root is read-only."""

from __future__ import annotations

import os
import ssl


def load_cert_chain(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """`certificate` is a chain and `key` its private key, both PEM. Raises ssl.SSLError where they do not fit."""
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, key + b"\n" + certificate)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
