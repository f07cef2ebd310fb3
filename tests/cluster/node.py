"""A node: containerd, kubelet and kube-proxy, in the sandbox of a control plane."""

from __future__ import annotations

import json
from pathlib import Path

from .binaries import kubernetes, system
from .control_plane import ControlPlane
from .sandbox import ADDRESS, Daemon, wait_until

NAME = "node0"
PODS = "10.98.0.0/24"
PLUGINS = "/usr/lib/cni"
PAUSE = "tcp-sniffer/pause:test"
SOCKET = "/run/containerd/containerd.sock"


class Node:
    """Has only the images that `load` gave it: there is no registry."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane
        self._sandbox = control_plane.sandbox
        self._files = self._sandbox.folder / "node"
        self._files.mkdir()
        self._daemons: list[Daemon] = []
        try:
            self._start_containerd()
        except BaseException:
            self.stop()
            raise

    def load(self, archive: Path) -> None:
        """Images as `docker save` writes them."""
        self._sandbox.run(*self._ctr("images", "import", str(archive)), timeout=300)

    def join(self) -> None:
        """Starts what makes it a node, and waits until it is ready. Wants the image PAUSE."""
        programs = kubernetes("kubelet", "kube-proxy")
        self._sandbox.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        kubelet = self._daemon("kubelet", str(programs["kubelet"]),
                               f"--config={self._write('kubelet.json', self._kubelet())}",
                               f"--kubeconfig={self._control_plane.kubeconfig}", f"--root-dir={self._files}/kubelet",
                               f"--hostname-override={NAME}", f"--node-ip={ADDRESS}")  # fmt: skip
        self._daemon(
            "kube-proxy", str(programs["kube-proxy"]), f"--config={self._write('kube-proxy.json', self._proxy())}"
        )
        kubelet.await_(self._ready, "the node is ready")

    def _start_containerd(self) -> None:
        networks = self._files / "cni"
        networks.mkdir()
        (networks / "10-pods.conflist").write_text(json.dumps(_network(self._files)))
        settings = self._files / "containerd.toml"
        settings.write_text(_containerd(self._files, networks))
        daemon = self._daemon("containerd", str(system("containerd")), f"--config={settings}")
        daemon.await_(
            lambda: self._sandbox.run(*self._ctr("version"), check=False).returncode == 0, "containerd answers"
        )

    def _ctr(self, *arguments: str) -> list[str]:
        return [str(system("ctr")), f"--address={SOCKET}", "--namespace=k8s.io", *arguments]

    def _daemon(self, name: str, *command: str) -> Daemon:
        started = self._sandbox.start(name, *command)
        self._daemons.append(started)
        return started

    def _ready(self) -> bool:
        told = self._control_plane.kubectl.tried(
            "get", "node", NAME, "--output=jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        )
        return told.stdout == "True"

    def _write(self, name: str, document: dict[str, object]) -> Path:
        path = self._files / name
        path.write_text(json.dumps(document, indent=1))
        return path

    def _kubelet(self) -> dict[str, object]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": f"unix://{SOCKET}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": self._sandbox.make_cgroup(),
            "failCgroupV1": False,
            "failSwapOn": False,
            "enforceNodeAllocatable": [],
            "evictionHard": {"memory.available": "1Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "imageGCHighThresholdPercent": 100,  # an image that was loaded can't be pulled again
            "clusterDNS": [],
            "podLogsDir": f"{self._files}/logs",
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "syncFrequency": "5s",
            "configMapAndSecretChangeDetectionStrategy": "Watch",
            "registerWithTaints": [],
            "crashLoopBackOff": {"maxContainerRestartPeriod": "2s"},
            "featureGates": {"KubeletCrashLoopBackOffMax": True},
        }

    def _proxy(self) -> dict[str, object]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clusterCIDR": PODS,
            "hostnameOverride": NAME,
            "nodeIPOverride": [ADDRESS],
            "clientConnection": {"kubeconfig": str(self._control_plane.kubeconfig)},
            # Of the whole machine: not to be changed from a network namespace.
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }

    def stop(self) -> None:
        """Deletes the pods in order, then ends the daemons; the sandbox ends what remains."""
        if any(daemon.name == "kubelet" for daemon in self._daemons):
            kubectl = self._control_plane.kubectl
            kubectl("delete", "pods", "--all", "--all-namespaces", "--force", "--grace-period=0", "--wait=false")
            wait_until(
                lambda: self._sandbox.run(*self._ctr("tasks", "list", "-q")).stdout == "", "no container runs", 60
            )
        for daemon in reversed(self._daemons):
            daemon.stop()
        self._daemons.clear()


def _network(files: Path) -> dict[str, object]:
    addresses = {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]}
    # Each pod on a wire of its own, not on a bridge: there, an answer from a Service's pod would go past the packet
    # filter, which has to put the Service's address back (unless br_netfilter, which not every kernel has).
    wire = {"type": "ptp", "ipMasq": False, "ipam": {**addresses, "dataDir": f"{files}/addresses"}}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [wire]}


def _containerd(files: Path, networks: Path) -> str:
    return f"""
version = 2
root = "{files}/containerd"
state = "/run/containerd"

[grpc]
address = "{SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/{PAUSE}"
disable_apparmor = true
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{PLUGINS}"
conf_dir = "{networks}"

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"""
