"""What is remembered of the cluster, on a clock that the tests turn."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from api import Api
from conftest import NAMESPACE, eventually

from webhook.kubeconfig import find
from webhook.kubernetes import Client
from webhook.lookup import FRESH, Lookup, UnknownError


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    turned = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("webhook.lookup.time", SimpleNamespace(monotonic=lambda: turned.now))
    return turned


async def test_what_is_asked_for_all_the_time_is_renewed_before_anybody_waits(
    api: Api, clock: SimpleNamespace, tmp_path: Path
) -> None:
    async with Client(find(str(api.kubeconfig(tmp_path)))) as client:
        lookup = Lookup(client)

        async def team() -> str:
            return (await lookup.namespace("shop")).labels["team"]

        async def is_renewed() -> bool:
            return await team() == "renewed"

        assert await team() == "shop"
        api.put(NAMESPACE, kind="Namespace", metadata={"labels": {"team": "renewed"}})
        clock.now += FRESH * 0.4
        assert await team() == "shop"
        assert api.calls["GET", NAMESPACE] == 1
        clock.now += FRESH * 0.2
        assert await team() == "shop", "nobody waits"
        await eventually(is_renewed)
        assert api.calls["GET", NAMESPACE] == 2


async def test_what_is_old_is_waited_for(api: Api, clock: SimpleNamespace, tmp_path: Path) -> None:
    async with Client(find(str(api.kubeconfig(tmp_path)))) as client:
        lookup = Lookup(client)
        await lookup.namespace("shop")
        api.put(NAMESPACE, kind="Namespace", metadata={"labels": {"team": "renewed"}})
        clock.now += FRESH
        assert (await lookup.namespace("shop")).labels["team"] == "renewed"


async def test_a_name_stays_one_part_of_the_path(api: Api, tmp_path: Path) -> None:
    """Reviews with such namespaces are refused before; nothing else that asks may reach further either."""
    api.put(f"{NAMESPACE}/secrets/token", kind="Secret", metadata={"labels": {}})
    async with Client(find(str(api.kubeconfig(tmp_path)))) as client:
        lookup = Lookup(client)
        for name in ("shop/secrets/token?x=", "shop/secrets/token#"):
            with pytest.raises(UnknownError, match="404"):
                await lookup.namespace(name)
            await lookup.config_map(name)
            await lookup.captures_claim(name)
    assert not api.calls["GET", f"{NAMESPACE}/secrets/token"]
