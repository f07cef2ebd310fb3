"""TLS towards the collector: the files that the configuration names for it. Imported only where it is in use."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

FILES = CA, CERTIFICATE, KEY = "outputCaFile", "outputClientCertFile", "outputClientKeyFile"


def context(files: Mapping[str, str]) -> ssl.SSLContext:
    """Verifies by the system's authorities and those of `files`. Raises OSError."""
    context = ssl.create_default_context()
    if CA in files:
        context.load_verify_locations(cafile=files[CA])
    if CERTIFICATE in files:
        _load_pair(context, files[CERTIFICATE], files.get(KEY))
    return context


def unusable(files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The fields whose files are of no use, each with the reason."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    reasons = {
        name: _reason(partial(context.load_verify_locations, files[name]))
        for name in (CA, CERTIFICATE)
        if name in files
    }
    if KEY in files:
        # Whether a key is one, openssl says of a pair alone.
        usable = CERTIFICATE in files and reasons[CERTIFICATE] is None
        pair = partial(_load_pair, context, files.get(CERTIFICATE, ""), files[KEY])
        reasons[KEY] = _reason(pair if usable else partial(_read, files[KEY]))
    yield from ((name, reason) for name, reason in reasons.items() if reason is not None)


def _load_pair(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
    # Without a password openssl would ask the terminal for one.
    context.load_cert_chain(certificate, key, password="")


def _read(file: str) -> None:
    with Path(file).open("rb"):
        pass


def _reason(load: Callable[[], object]) -> str | None:
    try:
        load()
    except ssl.SSLError as error:
        return error.reason or "not a PEM file"
    except OSError as error:
        return error.strerror or str(error)
    return None
