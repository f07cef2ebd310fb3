"""What a decision needs to know of the cluster, asked for and remembered for some seconds."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from webhook import names
from webhook.effective import MAX_TEXT
from webhook.facts import Cluster, ConfigMap, Namespace, Version
from webhook.kubernetes import ApiError, Client, Object, namespaced

_log = logging.getLogger("tcp_sniffer.webhook.lookup")

# Seconds. A decision waits no longer for a ConfigMap or a claim, without which it goes on; somewhat longer for a
# namespace, without which it cannot. The API server's 5 s bound both. A change is known after FRESH at the latest;
# what is asked for all the time is asked anew after half of that, so that nobody waits for it.
PATIENCE = 0.5
NAMESPACE_PATIENCE = 3.0
FRESH = 5.0
# The versions of the cluster's parts change by upgrades alone.
FRESH_CLUSTER = 300.0
# Where the API server does not answer, labels of up to this age are better than none.
STALE = 600.0
# At most this many namespaces are remembered, and of their labels and of their ConfigMaps so many bytes each: whoever
# may connect chooses which are asked for.
LIMIT = 4096
MOST_TEXT = 16 << 20

Value = TypeVar("Value")


class UnknownError(Exception):
    """The namespace is not known: whether the pod would start with a sidecar is not either."""


class Lookup:
    """Asks at most once at a time for each thing, and for a bounded time."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._namespaces = _Cache(self._ask_namespace, NAMESPACE_PATIENCE, lambda found: found.labels)
        self._config_maps = _Cache(self._ask_config_map, PATIENCE, lambda found: found.data or {})
        self._claims = _Cache(self._ask_claim, PATIENCE, lambda _: {})
        self._cluster = Cluster()
        # Whether the versions were asked for at all, be it in vain.
        self.is_ready = False
        self.failures = {"namespace": 0, "config_map": 0, "claim": 0, "cluster": 0}

    async def namespace(self, name: str) -> Namespace:
        """Raises UnknownError."""
        try:
            return await self._namespaces.get(name, fresh=FRESH)
        except ApiError as error:
            self._failed("namespace", name, error)
            known = self._namespaces.older(name, STALE)
            if known is None:
                raise UnknownError(f"the namespace {name} could not be read ({error})") from error
            return known

    async def config_map(self, namespace: str) -> ConfigMap:
        """`failure` says why it is not known."""
        try:
            return await self._config_maps.get(namespace, fresh=FRESH)
        except ApiError as error:
            self._failed("config_map", namespace, error)
            return ConfigMap(failure=f"could not be read ({error})")

    async def captures_claim(self, namespace: str) -> bool | None:
        """Whether the namespace has a claim for recordings; None where that is not known."""
        try:
            return await self._claims.get(namespace, fresh=FRESH)
        except ApiError as error:
            self._failed("claim", namespace, error)
            return None

    @property
    def cluster(self) -> Cluster:
        """As of the last `watch_cluster`."""
        return self._cluster

    async def watch_cluster(self) -> None:
        """Asks for the versions again and again; until the first answer no node is taken to know native sidecars."""
        while True:
            try:
                self._cluster = await self._ask_cluster()
                wait = FRESH_CLUSTER
            except ApiError as error:
                self._failed("cluster", "", error)
                wait = FRESH
            self.is_ready = True
            await asyncio.sleep(wait)

    async def _ask_namespace(self, name: str) -> Namespace:
        found = await self._client.get(namespaced(name))
        return Namespace(name, (found.get("metadata") or {}).get("labels") or {})

    async def _ask_config_map(self, namespace: str) -> ConfigMap:
        found = await self._client.find(namespaced(namespace, "configmaps", names.CONFIG_MAP))
        return ConfigMap(None if found is None else _read_of(found.get("data") or {}))

    async def _ask_claim(self, namespace: str) -> bool:
        path = namespaced(namespace, "persistentvolumeclaims", names.CAPTURES_CLAIM)
        return await self._client.find(path) is not None

    async def _ask_cluster(self) -> Cluster:
        """The nodes only where the API server's own version leaves it open (see Cluster): they may be many, and
        reading them is a right of its own."""
        server = _version(await self._client.get("/version"))
        cluster = Cluster(api_server=server)
        if cluster.has_native_sidecars:
            return cluster
        try:
            nodes = self._client.items("/api/v1/nodes")
            kubelets = [Version.parse(node["status"]["nodeInfo"]["kubeletVersion"]) async for node in nodes]
        except ApiError as error:
            if error.status != 403:
                raise
            _log.warning(
                "the nodes may not be listed, so sidecars are plain containers: see docs/deployment.md",
                extra={"event": "nodes_forbidden", "error": str(error)},
            )
            return cluster
        known = [version for version in kubelets if version]
        return Cluster(server, min(known) if known and len(known) == len(kubelets) else None)

    def _failed(self, what: str, namespace: str, error: ApiError) -> None:
        self.failures[what] += 1
        extra = {"event": "lookup_failed", "what": what, "namespace": namespace, "error": str(error)}
        _log.warning("the API server was asked in vain", extra=extra)


class _Entry(NamedTuple, Generic[Value]):
    value: Value
    time: float
    size: int


class _Cache(Generic[Value]):
    """Bounded in number, and in the bytes of what `texts` gives of each; the least recently asked for goes first."""

    def __init__(
        self, ask: Callable[[str], Awaitable[Value]], patience: float, texts: Callable[[Value], Mapping[str, str]]
    ) -> None:
        self._ask = ask
        self._patience = patience
        self._texts = texts
        self._size = 0
        self._entries: OrderedDict[str, _Entry[Value]] = OrderedDict()
        self._asking: dict[str, asyncio.Future[Value]] = {}

    async def get(self, name: str, *, fresh: float) -> Value:
        """Raises ApiError."""
        if (entry := self._entries.get(name)) and (age := time.monotonic() - entry.time) < fresh:
            self._entries.move_to_end(name)
            if age > fresh / 2:
                self._task(name)
            return entry.value
        # Others may wait for the same answer: one that is cancelled must not end the asking.
        return await asyncio.shield(self._task(name))

    def _task(self, name: str) -> asyncio.Future[Value]:
        """The asking that is on its way, or one that begins."""
        task = self._asking.get(name)
        if task is None:
            task = self._asking[name] = asyncio.ensure_future(self._fetch(name))
            task.add_done_callback(lambda done: self._done(name, done))
        return task

    def older(self, name: str, age: float) -> Value | None:
        entry = self._entries.get(name)
        return entry.value if entry and time.monotonic() - entry.time < age else None

    async def _fetch(self, name: str) -> Value:
        try:
            async with asyncio.timeout(self._patience):
                value = await self._ask(name)
        except TimeoutError as error:
            raise ApiError(0, f"no answer within {self._patience * 1000:.0f} ms") from error
        self._keep(name, _Entry(value, time.monotonic(), _size(self._texts(value))))
        return value

    def _keep(self, name: str, entry: _Entry[Value]) -> None:
        if before := self._entries.pop(name, None):
            self._size -= before.size
        self._entries[name] = entry
        self._size += entry.size
        while len(self._entries) > LIMIT or self._size > MOST_TEXT:
            _, oldest = self._entries.popitem(last=False)
            self._size -= oldest.size

    def _done(self, name: str, task: asyncio.Future[Value]) -> None:
        del self._asking[name]
        if not task.cancelled():
            task.exception()  # taken note of, also where nobody waits any more


def _read_of(data: Mapping[str, str]) -> dict[str, str]:
    """What the decision reads, and of a text that is too long no more than tells it so."""
    text = data.get(names.CONFIG_KEY)
    return {} if text is None else {names.CONFIG_KEY: text[: MAX_TEXT + 1]}


def _size(texts: Mapping[str, str]) -> int:
    """In memory, where a character has up to four bytes."""
    return sum(sys.getsizeof(name) + sys.getsizeof(text) for name, text in texts.items())


def _version(answer: Object) -> Version | None:
    return Version.parse(f"{answer.get('major', '')}.{answer.get('minor', '')}")
