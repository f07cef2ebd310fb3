"""The names that a pod and its author see."""

from __future__ import annotations

PREFIX = "tcp-sniffer/"

# The label of a pod or its namespace: "true" opts in, "false" out.
INJECT = PREFIX + "inject"
# What the webhook writes: in a word or a sentence what it did, in JSON what it added, and where recordings are.
STATUS = PREFIX + "status"
INJECTED = PREFIX + "injected"
CAPTURE_FILES = PREFIX + "capture-files"

# Kubernetes' own rules (RFC 1123), for a namespace and for most objects in it: no name is a path, a query or the like.
NAMESPACE = r"(?!.{64})[a-z0-9]+(-+[a-z0-9]+)*"
OBJECT = r"(?![^/]{254})[a-z0-9]+((\.|-+)[a-z0-9]+)*"

CONTAINER = "tcp-sniffer"
CONFIG_MAP = "tcp-sniffer"
CONFIG_KEY = "sniffer.yaml"
# A namespace's own claim for recordings.
CAPTURES_CLAIM = "tcp-sniffer-captures"

CONFIG_FOLDER = "/etc/tcp-sniffer"
RUN_FOLDER = "/run/tcp-sniffer"
CA_FOLDER = "/etc/tcp-sniffer-ca"
TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105

VOLUME_PREFIX = "tcp-sniffer-"
CONFIG_VOLUME = VOLUME_PREFIX + "config"
RUN_VOLUME = VOLUME_PREFIX + "run"
CA_VOLUME = VOLUME_PREFIX + "output-ca"
NO_TOKEN_VOLUME = VOLUME_PREFIX + "no-token"
CAPTURES_VOLUME = VOLUME_PREFIX + "captures"
SPOOL_VOLUME = VOLUME_PREFIX + "spool"
VOLUMES = (CONFIG_VOLUME, RUN_VOLUME, CA_VOLUME, NO_TOKEN_VOLUME, CAPTURES_VOLUME, SPOOL_VOLUME)
