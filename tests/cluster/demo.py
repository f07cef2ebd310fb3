"""`scripts/demo --cluster`: a Kubernetes of its own on this machine, the webhook in it, and a labelled app's traffic.

Everything runs in namespaces that end with this program, by itself or by Ctrl-C; see sandbox.py.
"""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from cluster.control_plane import ControlPlane
from cluster.images import SIDECAR, WEBHOOK, save
from cluster.injector import deploy
from cluster.kubectl import Kubectl
from cluster.node import Node
from cluster.sandbox import Sandbox, wait_until

APP = Path(__file__).resolve().with_name("demo.yaml")
ROOT = APP.parents[2]
ASK = """
import json, urllib.request as to
shop = "http://10.96.0.80:8080"
to.urlopen(shop + "/orders?limit=2").read()
body = json.dumps({"item": "a kettle", "amount": 2}).encode()
print(to.urlopen(to.Request(shop + "/orders", body, {"Content-Type": "application/json"})).read().decode())
"""


def say(text: str) -> None:
    print(f"\033[1m== {text}\033[0m", flush=True)


class Shown:
    """kubectl, its commands and what it answers to be read along."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl

    def __call__(self, *arguments: str, timeout: float = 240) -> None:
        print(f"$ kubectl {shlex.join(arguments)}".replace(f"{ROOT}/", ""), flush=True)
        print(self._kubectl(*arguments, timeout=timeout), flush=True)


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    say("Building the images from the Dockerfile: some minutes the first time")
    images = save()
    say("Starting etcd, the API server, the controllers, the scheduler, containerd and a kubelet")
    sandbox = Sandbox()
    try:
        node = Node(ControlPlane(sandbox, scheduler=True))
        node.load(images)
        node.join()
        show(node)
        look_around(sandbox, node.control_plane)
    except KeyboardInterrupt:
        print(file=sys.stderr)
    finally:
        say("Ending the cluster")
        sandbox.stop()
    return 0


def show(node: Node) -> None:
    kubectl = node.control_plane.kubectl
    shown = Shown(kubectl)
    shown("get", "nodes")
    say("Installing the webhook: config/overlays/self-signed, with the images that were built here")
    deploy(kubectl, node.control_plane.files / "overlay", SIDECAR, WEBHOOK)
    shown("get", "pods", "--namespace=tcp-sniffer")
    say("A namespace opts in by its label; the app in it knows nothing of the sniffer")
    shown("create", "namespace", "shop")
    shown("label", "namespace", "shop", "tcp-sniffer/inject=true")
    shown("apply", "--filename", str(APP))
    shown("rollout", "status", "deployment/orders", "--namespace=shop", "--timeout=200s")
    shown("wait", "--for=condition=ready", "pod/client", "--timeout=200s")
    shown("get", "pods", "--all-namespaces")
    say("Two requests, sent from another pod")
    shown("exec", "client", "--", "python3", "-c", ASK)
    say("And what the sidecar in the app's pod has heard")
    records(kubectl.of("shop"))


def records(kubectl: Kubectl) -> None:
    logs = ("logs", "deployment/orders", "--container=tcp-sniffer")

    def found() -> list[dict[str, object]]:
        lines = map(json.loads, kubectl(*logs).splitlines())
        return [line for line in lines if "direction" in line]

    wait_until(lambda: len(found()) >= 4, "both requests and their responses are in the log")
    print(f"$ kubectl {shlex.join(logs)} --namespace=shop | jq 'select(.direction)'")
    for record in found()[-2:]:
        print(json.dumps(record, indent=2, ensure_ascii=False))


def look_around(sandbox: Sandbox, control_plane: ControlPlane) -> None:
    """Until Enter, where somebody sits at a terminal."""
    if not sys.stdin.isatty():
        return
    program = sandbox.folder / "kubectl"
    command = shlex.join(sandbox.inside(*control_plane.kubectl.command))
    program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    program.chmod(0o755)
    say("It is yours now. In another terminal, as root:")
    print(f"""
  alias kubectl={program}
  kubectl get pods -A
  kubectl -n shop logs deploy/orders -c tcp-sniffer -f
  kubectl exec client -- python3 -c {shlex.quote("import urllib.request as u; u.urlopen('http://10.96.0.80:8080/again')")}
  kubectl -n shop annotate --help          docs/deployment.md names the annotations
""")
    input("Enter ends the cluster, and nothing of it stays. ")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, TimeoutError, subprocess.TimeoutExpired) as error:
        sys.exit(f"{type(error).__name__}: {error}")
