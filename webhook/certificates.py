"""Keeps the Secret with the webhook's certificates and the caBundle of its MutatingWebhookConfiguration in step.

Every replica does so, by turns or at once: each write carries the resourceVersion that was read, and who loses reads
again. Rights that are needed: get and update, of these two objects by their names.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from webhook.authority import Lifetimes, Material, next_step, now
from webhook.kubeconfig import AccessError, find
from webhook.kubernetes import ApiError, Client, Object, namespaced

_log = logging.getLogger("tcp_sniffer.webhook.certificates")

# Two replicas that write at once: one wins each time, so this many are more than enough.
_ATTEMPTS = 10


class CertificatesError(Exception):
    """What is to be kept in step is not there; the text says what to do."""


@dataclass(frozen=True)
class Target:
    """Where the certificates live and whom they are for. `names` are DNS names or addresses."""

    namespace: str
    secret: str
    configuration: str
    names: Sequence[str]
    lives: Lifetimes = field(default_factory=Lifetimes)

    @property
    def secret_path(self) -> str:
        return namespaced(self.namespace, "secrets", self.secret)

    @property
    def configuration_path(self) -> str:
        return f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{self.configuration}"


async def keep(client: Client, target: Target) -> Material:
    """One pass; what is to be served from now on. To be called again every `target.lives.pause`.

    A certificate is signed only when the caBundle was found in step: its authority is known by then.
    Raises ApiError or CertificatesError.
    """
    for _ in range(_ATTEMPTS):
        try:
            secret = await _existing(client, target.secret_path, "Secret")
            stored = _material(secret)
            if stored is not None and await _announce(client, target, stored):
                return stored
            wanted = next_step(stored, target.names, now(), target.lives)
            if wanted != stored:
                await client.replace(target.secret_path, _with(secret, wanted))
                _log_step(stored, wanted)
                await _announce(client, target, wanted)
        except ApiError as error:
            if not error.is_conflict:
                raise
            await asyncio.sleep(0.05)  # another replica was first: see what it made
        else:
            return wanted
    raise ApiError(409, f"{target.secret_path}: changed by somebody else {_ATTEMPTS} times in a row")


async def _announce(client: Client, target: Target, material: Material) -> bool:
    """Writes the authorities into every caBundle; False where they stood there already."""
    configuration = await _existing(client, target.configuration_path, "MutatingWebhookConfiguration")
    bundle = base64.b64encode(material.authorities).decode()
    clients = [webhook["clientConfig"] for webhook in configuration.get("webhooks") or []]
    if all(one.get("caBundle") == bundle for one in clients):
        return False
    for one in clients:
        one["caBundle"] = bundle
    await client.replace(target.configuration_path, configuration)
    _log.info("the caBundle is written", extra={"event": "ca_bundle_written", "configuration": target.configuration})
    return True


async def _existing(client: Client, path: str, kind: str) -> Object:
    found = await client.find(path)
    if found is None:
        name = path.rpartition("/")[2]
        raise CertificatesError(f"expected the {kind} {name}, which the manifests bring: apply them again ({path})")
    return found


def _material(secret: Object) -> Material | None:
    data = secret.get("data") or {}
    material = Material.from_secret({name: base64.b64decode(text) for name, text in data.items()})
    if data and material is None:
        _log.warning(
            "what the Secret holds cannot be used: it is made anew",
            extra={"event": "secret_unusable", "secret": secret["metadata"]["name"]},
        )
    return material


def _with(secret: Object, material: Material) -> Object:
    data = {name: base64.b64encode(pem).decode() for name, pem in material.to_secret().items()}
    return {**secret, "data": data}


def _log_step(before: Material | None, after: Material) -> None:
    if before is None or before.authority_key != after.authority_key:
        _log.info("a new authority is made", extra={"event": "authority_made"})
    if before is None or before.certificate != after.certificate:
        _log.info(
            "a new certificate is made", extra={"event": "certificate_made", "expires": after.expires.isoformat()}
        )


def main(target: Target, kubeconfig_file: str | None) -> int:
    """One pass; the process's exit code: 2 where it was started wrongly.

    A daily CronJob's run takes the next step, long before it is urgent.
    """
    try:
        material = asyncio.run(_once(target, kubeconfig_file))
    except (AccessError, ApiError, CertificatesError) as error:
        _log.error(str(error), extra={"event": "failed"})
        return 2 if isinstance(error, AccessError) else 1
    _log.info("the certificates hold", extra={"event": "certificates", "expires": material.expires.isoformat()})
    return 0


async def _once(target: Target, kubeconfig_file: str | None) -> Material:
    async with Client(find(kubeconfig_file)) as client:
        return await keep(client, target)
