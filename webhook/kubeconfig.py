"""Where the API server is and who we are there: a pod's service account, or a kubeconfig."""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from webhook import memory_file

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

# A service account's token is replaced long before it expires; the kubelet writes the new one to the same file.
_TOKEN_LIFE = 60.0


class AccessError(Exception):
    """No way to the API server; the text says what was looked for and where."""


@dataclass(frozen=True)
class Access:
    """`token` gives the bearer token of the moment, or None where a client certificate (in `tls`) is used."""

    server: str
    tls: ssl.SSLContext
    token: Callable[[], str | None]


def find(kubeconfig: str | None = None, environment: Mapping[str, str] = os.environ) -> Access:
    """The file that was named; else the pod's service account; else `$KUBECONFIG` or `~/.kube/config`.

    Raises AccessError.
    """
    if kubeconfig:
        return from_file(Path(kubeconfig))
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster(environment)
    named = environment.get("KUBECONFIG", "").split(os.pathsep)[0]
    path = Path(named) if named else Path.home() / ".kube" / "config"
    if not path.is_file():
        raise AccessError(f"expected a pod's service account, $KUBECONFIG, --kubeconfig or {path}: none is there")
    return from_file(path)


def in_cluster(environment: Mapping[str, str], folder: Path = SERVICE_ACCOUNT) -> Access:
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        tls = ssl.create_default_context(cafile=folder / "ca.crt")
        token = _TokenFile(folder / "token")
        token()
    except OSError as error:
        raise AccessError(
            f"{folder}: expected the service account's token and ca.crt ({error}); is automountServiceAccountToken off?"
        ) from error
    return Access(f"https://{f'[{host}]' if ':' in host else host}:{port}", tls, token)


def from_file(path: Path) -> Access:
    """The current context of a kubeconfig. Raises AccessError."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        context = _named(config, "contexts", "context", config["current-context"])
        cluster = _named(config, "clusters", "cluster", context["cluster"])
        user = _named(config, "users", "user", context["user"])
        return Access(cluster["server"].rstrip("/"), _tls(cluster, user, path.parent), _token(user, path.parent))
    except OSError as error:
        raise AccessError(
            f"{error.filename or path}: expected a file that can be read ({error.strerror or error})"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, binascii.Error) as error:
        told = " ".join(str(error).split())
        raise AccessError(f"{path}: expected a kubeconfig, in YAML or JSON ({told})") from error
    except KeyError as error:
        raise AccessError(f"{path}: expected a kubeconfig with a current context; it lacks {error}") from error
    except (TypeError, AttributeError) as error:
        raise AccessError(f"{path}: expected a kubeconfig; it is not shaped like one ({error})") from error


def _named(config: Mapping[str, Any], group: str, key: str, name: str) -> Mapping[str, Any]:
    for one in config[group]:
        if one["name"] == name:
            found: Mapping[str, Any] = one[key]
            return found
    raise KeyError(f"{key} {name!r}")


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    authority = _bytes(cluster, "certificate-authority", folder)
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = (_bytes(user, name, folder) for name in ("client-certificate", "client-key"))
    if certificate and key:
        memory_file.load_cert_chain(context, certificate, key)
    return context


def _bytes(part: Mapping[str, Any], name: str, folder: Path) -> bytes | None:
    """Given in the file itself (`…-data`, base64) or by a path that is relative to the file's folder."""
    if data := part.get(f"{name}-data"):
        return base64.b64decode(data, validate=True)
    return (folder / part[name]).read_bytes() if part.get(name) else None


def _token(user: Mapping[str, Any], folder: Path) -> Callable[[], str | None]:
    if "exec" in user or "auth-provider" in user:
        raise AccessError("expected a user with a token or a client certificate: credential plugins are not run")
    if path := user.get("tokenFile"):
        return _TokenFile(folder / path)
    return lambda: user.get("token")


class _TokenFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = ""
        self._read = -_TOKEN_LIFE

    def __call__(self) -> str:
        if time.monotonic() - self._read >= _TOKEN_LIFE:
            self._text = self._path.read_text(encoding="ascii").strip()
            self._read = time.monotonic()
        return self._text
