"""What the accounts of config/ may: as the API server says, and changed for a while."""

from __future__ import annotations

import json

from cluster.injector import NAME, NAMESPACE
from cluster.kubectl import Kubectl

Rule = dict[str, list[str]]
Right = tuple[str, str, str]  # verb, resource, name or "*"

LOOKUPS: set[Right] = {
    ("get", "namespaces", "*"),
    ("get", "configmaps", "tcp-sniffer"),
    ("get", "persistentvolumeclaims", "tcp-sniffer-captures"),
}
CERTIFICATE_RIGHTS = [
    (role, verb)
    for role in (f"role/{NAME}-certificates", f"clusterrole/{NAME}-certificates")
    for verb in ("get", "update")
]
CERTIFICATES: set[Right] = {
    (verb, resource, name)
    for resource, name in (("secrets", f"{NAME}-tls"), ("mutatingwebhookconfigurations", NAME))
    for verb in ("get", "update")
}


def impersonated(account: str) -> str:
    return f"--as=system:serviceaccount:{NAMESPACE}:{account}"


def granted(kubectl: Kubectl, account: str) -> set[Right]:
    """All that it may in the webhook's namespace and outside of namespaces, beyond what any account may."""
    return _rights(kubectl, account) - _rights(kubectl, "default")


def _rights(kubectl: Kubectl, account: str) -> set[Right]:
    kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
    # To check it first would take a right of its own: to read what the API server knows of its kinds.
    review = kubectl.create({**kind, "spec": {"namespace": NAMESPACE}}, impersonated(account), "--validate=false")
    return {
        (verb, resource, name)
        for rule in review["status"]["resourceRules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or ["*"]
    }


def rules(kubectl: Kubectl, role: str) -> list[Rule]:
    found: list[Rule] = kubectl.of(NAMESPACE).get(role)["rules"]
    return found


def change(kubectl: Kubectl, role: str, wanted: list[Rule]) -> None:
    kubectl.of(NAMESPACE)("patch", role, "--type=merge", f"--patch={json.dumps({'rules': wanted})}")


def take(kubectl: Kubectl, role: str, verb: str) -> None:
    left = [{**rule, "verbs": [one for one in rule["verbs"] if one != verb]} for rule in rules(kubectl, role)]
    change(kubectl, role, left)
