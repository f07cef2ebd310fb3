"""A review of any bytes, beside a ConfigMap of any text, gets an answer that is JSON, or a ReviewError."""

from __future__ import annotations

import json
import sys

import atheris

with atheris.instrument_imports():
    from webhook import settings
    from webhook.facts import Cluster, ConfigMap, Namespace, Version
    from webhook.review import ReviewError, parse, review

SETTINGS = settings.defaults()
CLUSTER = Cluster(api_server=Version(1, 34))
LABELLED = Namespace("shop", {"tcp-sniffer/inject": "true"})


def enter(data: bytes) -> None:
    text, _, config = data.partition(b"\0")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return  # answered with 400 where it is read
    config_map = ConfigMap({"sniffer.yaml": config.decode("utf-8", "replace")} if config else None)
    try:
        outcome = review(parse(body), LABELLED, config_map, SETTINGS, CLUSTER)
    except ReviewError as error:
        assert str(error)
    else:
        json.dumps(outcome.response).encode()


if __name__ == "__main__":
    atheris.Setup(sys.argv, enter)
    atheris.Fuzz()
