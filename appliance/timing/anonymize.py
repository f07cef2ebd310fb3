"""Addresses replaced so that those that share a prefix share one afterwards."""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
from collections.abc import Callable
from functools import lru_cache

KEY_VARIABLE = "RECORDING_ANONYMIZE_KEY"
_KEY_BYTES = 32


def anonymizer() -> Callable[[str], str]:
    """The same key gives the same addresses; without one in the environment it is drawn anew each time.

    Raises ValueError where the key is not 64 hexadecimal digits.
    """
    text = os.environ.get(KEY_VARIABLE)
    try:
        key = bytes.fromhex(text) if text else secrets.token_bytes(_KEY_BYTES)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ValueError(f"{KEY_VARIABLE} must be {2 * _KEY_BYTES} hexadecimal digits")
    return lambda address: _anonymized(key, address)


def _anonymized(key: bytes, address: str) -> str:
    """Each bit is flipped, or not, as a keyed function of those before it (Xu et al., "Prefix-preserving IP
    address anonymization", with HMAC-SHA256 for the cipher)."""
    real = ipaddress.ip_address(address)
    width = real.max_prefixlen
    bits = f"{int(real):0{width}b}"
    flipped = "".join(str(int(bit) ^ _flip(key, width, bits[:at])) for at, bit in enumerate(bits))
    return str(type(real)(int(flipped, 2)))


@lru_cache(maxsize=1 << 16)
def _flip(key: bytes, width: int, prefix: str) -> int:
    return hmac.digest(key, f"{width}:{prefix}".encode(), "sha256")[0] & 1
