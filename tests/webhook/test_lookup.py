"""What is remembered of the cluster, on a clock that the tests turn."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from api import Api
from conftest import NAMESPACE, eventually

from webhook.effective import MAX_TEXT
from webhook.kubeconfig import find
from webhook.kubernetes import ApiError, Client
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


async def test_of_a_config_map_is_kept_what_is_read(api: Api, tmp_path: Path) -> None:
    path = f"{NAMESPACE}/configmaps/tcp-sniffer"
    async with Client(find(str(api.kubeconfig(tmp_path)))) as client:
        for text in ("#" * MAX_TEXT, "#" * (MAX_TEXT + 1), "#" * 1_000_000):
            api.put(path, data={"sniffer.yaml": text, "another.yaml": "#" * 1000})
            found = await Lookup(client).config_map("shop")
            assert found.data == {"sniffer.yaml": text[: MAX_TEXT + 1]}
        api.put(path, data={"another.yaml": "#"})
        assert (await Lookup(client).config_map("shop")).data == {}


async def test_what_is_remembered_is_bounded_in_bytes(
    api: Api, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever was asked for longest ago is asked for anew."""
    monkeypatch.setattr("webhook.lookup.MOST_TEXT", 25_000)
    texts = {"a": 10_000, "b": 10_000, "c": 10_000, "d": 1, "e": 30_000}
    paths = {name: f"/api/v1/namespaces/{name}/configmaps/tcp-sniffer" for name in texts}
    for name, size in texts.items():
        api.put(paths[name], data={"sniffer.yaml": "#" * size})
    async with Client(find(str(api.kubeconfig(tmp_path)))) as client:
        lookup = Lookup(client)
        for name in ("a", "b", "a", "c", "d", "a", "c", "d"):
            await lookup.config_map(name)
        assert [api.calls["GET", paths[name]] for name in "abcd"] == [1, 1, 1, 1]
        await lookup.config_map("b")
        assert [api.calls["GET", paths[name]] for name in "abcd"] == [1, 2, 1, 1]
        clock.now += FRESH  # what is read anew takes the place of what it was
        for name in ("c", "d", "b", "c", "d", "b"):
            await lookup.config_map(name)
        assert [api.calls["GET", paths[name]] for name in "abcd"] == [1, 3, 2, 2]
        for _ in range(2):
            assert (await lookup.config_map("e")).data, "more than there is room for is not remembered"
        assert api.calls["GET", paths["e"]] == 2


async def test_an_answer_without_an_end_is_left(api: Api, tmp_path: Path) -> None:
    api.put(f"{NAMESPACE}/configmaps/tcp-sniffer", data={"sniffer.yaml": "#" * (11 << 20)})
    async with Client(find(str(api.kubeconfig(tmp_path)))) as client:
        with pytest.raises(ApiError, match="an answer of more than 10 MiB"):
            await client.find(f"{NAMESPACE}/configmaps/tcp-sniffer")


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
