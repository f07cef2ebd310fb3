"""The names that a pod and its author see."""

from __future__ import annotations

PREFIX = "tcp-sniffer/"

# The label of a pod or its namespace: "true" opts in, "false" out.
INJECT = PREFIX + "inject"
# What the webhook writes: in a word or a sentence what it did, and in JSON what it added.
STATUS = PREFIX + "status"
INJECTED = PREFIX + "injected"

CONTAINER = "tcp-sniffer"
CONFIG_MAP = "tcp-sniffer"
CONFIG_KEY = "sniffer.yaml"

CONFIG_FOLDER = "/etc/tcp-sniffer"
RUN_FOLDER = "/run/tcp-sniffer"
CA_FOLDER = "/etc/tcp-sniffer-ca"
TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105

VOLUME_PREFIX = "tcp-sniffer-"
CONFIG_VOLUME = VOLUME_PREFIX + "config"
RUN_VOLUME = VOLUME_PREFIX + "run"
CA_VOLUME = VOLUME_PREFIX + "output-ca"
NO_TOKEN_VOLUME = VOLUME_PREFIX + "no-token"
