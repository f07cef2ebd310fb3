"""`tcp-sniffer-webhook serve`: the process from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop
from aiohttp import web

from appliance.config import ConfigError
from webhook import certificates, kubeconfig, settings
from webhook.admission import Admission
from webhook.authority import Material
from webhook.certificates import CertificatesError, Target
from webhook.connections import Connections
from webhook.kubernetes import ApiError, Client
from webhook.lookup import Lookup
from webhook.tls import Certificate, CertificateError, CertificateFiles, ClientAuthorities

_log = logging.getLogger("tcp_sniffer.webhook")

# Seconds. Files are looked at this often; a mounted Secret or ConfigMap takes the kubelet a minute anyway.
_LOOK_AT_FILES = 1.0
_RETRY = 2.0
# Longer than the 90 s for which the API server keeps an idle connection: it is the one to close it, so no request
# of its meets a connection that was just closed here.
_KEEP_ALIVE = 120.0
# Memory is bounded: a connection takes 50 KiB, and up to 1 MiB while it sends more than is read of it.
_MOST_CONNECTIONS = 128
_HANDSHAKE = 3.0
_READ_AHEAD = 16 << 10
# What is being answered when the server stops may take as long as the API server waits.
_LAST_ANSWERS = 10.0


@dataclass(frozen=True)
class Options:
    """`target` is None where somebody else lays the certificates into `folder`. Times in seconds."""

    host: str
    port: int
    settings: str | None
    namespace: str | None
    kubeconfig: str | None
    folder: Path
    target: Target | None
    drain: float
    client_ca: Path | None = None


def main(options: Options) -> int:
    return uvloop.run(_Service(options).run())


class _Service:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._stop = asyncio.Event()
        self._certificate = Certificate(asks=options.client_ca is not None)
        self._clients = ClientAuthorities(options.client_ca, self._certificate) if options.client_ca else None
        self._files = CertificateFiles(options.folder, self._certificate)

    async def run(self) -> int:
        """The exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        try:
            chosen = settings.load(self._options.settings, own_namespace=self._options.namespace)
            access = kubeconfig.find(self._options.kubeconfig)
            if self._clients:
                self._clients.load()
        except (ConfigError, kubeconfig.AccessError, CertificateError) as error:
            _log.error(str(error), extra={"event": "failed"})
            return 2
        async with Client(access) as client:
            lookup = Lookup(client)
            admission = Admission(chosen, lookup, self._certificate)
            watches = [lookup.watch_cluster(), self._watch_certificate(client), self._watch_settings(admission)]
            if self._clients:
                watches.append(_watch_clients(self._clients))
            async with _tasks(*watches):
                return await self._serve(admission)

    async def _serve(self, admission: Admission) -> int:
        connections = Connections(_MOST_CONNECTIONS)
        runner = web.AppRunner(
            admission.app(connections.watch),
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE,
            shutdown_timeout=_LAST_ANSWERS,
            read_bufsize=_READ_AHEAD,
        )
        await runner.setup()
        try:
            listener = await asyncio.get_running_loop().create_server(
                connections.factory(cast("web.Server", runner.server)),
                self._options.host or None,
                self._options.port,
                ssl=self._certificate.context,
                ssl_handshake_timeout=_HANDSHAKE,
                backlog=_MOST_CONNECTIONS,
            )
        except OSError as error:
            await runner.cleanup()
            extra = {"event": "failed", "host": self._options.host, "port": self._options.port}
            _log.error(f"cannot listen: {error.strerror or error}", extra=extra)
            return 1
        _log.info(
            "the server listens",
            extra={
                "event": "listening",
                "addresses": [_address(*one.getsockname()[:2]) for one in listener.sockets],
            },
        )
        # What is there by now stays: the garbage collector need not look at it again and again, some 20 ms each time.
        gc.collect()
        gc.freeze()
        await self._stop.wait()
        await self._drain(admission, listener, runner)
        return 0

    async def _drain(self, admission: Admission, listener: asyncio.Server, runner: web.AppRunner) -> None:
        """Goes on answering until nobody sends any more: the Service learns of the end only now, as we do."""
        _log.info("draining", extra={"event": "draining", "seconds": self._options.drain})
        admission.draining = True
        await asyncio.sleep(self._options.drain)
        listener.close()
        await runner.cleanup()
        _log.info("stopped", extra={"event": "stopped"})

    async def _watch_certificate(self, client: Client) -> None:
        while True:
            try:
                changed, wait = await self._load_certificate(client)
                if changed:
                    expires = self._certificate.expires
                    extra = {"event": "certificate_loaded", "expires": expires.isoformat() if expires else None}
                    _log.info("a certificate is loaded", extra=extra)
            except (ApiError, CertificatesError, CertificateError) as error:
                # Served on is what was loaded before.
                _log.error(str(error), extra={"event": "certificate_failed"})
                wait = _RETRY
            await asyncio.sleep(wait)

    async def _load_certificate(self, client: Client) -> tuple[bool, float]:
        """Whether it changed, and in how many seconds to look again."""
        target = self._options.target
        if target is None:
            return self._files.load(), _LOOK_AT_FILES
        material: Material = await certificates.keep(client, target)
        changed = self._certificate.load(material.certificate, material.key)
        return changed, target.lives.pause.total_seconds()

    async def _watch_settings(self, admission: Admission) -> None:
        """Mistakes in what was edited are told, and what holds goes on holding."""
        told = ""
        before = None
        while True:
            await asyncio.sleep(_LOOK_AT_FILES)
            # Reading them holds up reviews for milliseconds.
            if (seen := settings.mark(self._options.settings)) == before:
                continue
            before = seen
            try:
                found = settings.load(self._options.settings, own_namespace=self._options.namespace)
            except ConfigError as error:
                if str(error) != told:
                    _log.error(str(error), extra={"event": "settings_invalid"})
                told = str(error)
                continue
            told = ""
            if found != admission.settings:
                admission.settings = found
                _log.info("the settings are loaded", extra={"event": "settings_loaded"})


async def _watch_clients(clients: ClientAuthorities) -> None:
    """A file that cannot be used is told once, and those of before stay trusted."""
    told = ""
    while True:
        await asyncio.sleep(_LOOK_AT_FILES)
        try:
            if clients.load():
                _log.info("the clients' authorities are loaded", extra={"event": "client_ca_loaded"})
            told = ""
        except CertificateError as error:
            if str(error) != told:
                _log.error(str(error), extra={"event": "client_ca_failed"})
            told = str(error)


@contextlib.asynccontextmanager
async def _tasks(*coroutines: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Runs them beside the body, and ends them with it; one that fails ends the body."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in coroutines]
            yield
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as group_error:
        raise group_error.exceptions[0] from None


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
