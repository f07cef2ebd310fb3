"""A node: containerd, kubelet and kube-proxy, in the sandbox of a control plane."""

from __future__ import annotations

import json
from pathlib import Path

from .binaries import kubernetes, system
from .control_plane import ControlPlane
from .sandbox import ADDRESS

NAME = "node0"
PODS = "10.98.0.0/24"
PLUGINS = "/usr/lib/cni"
PAUSE = "tcp-sniffer/pause:test"
SOCKET = "/run/containerd/containerd.sock"


class Node:
    """Has only the images that `load` gave it: there is no registry. It ends with its sandbox."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self.control_plane = control_plane
        self._sandbox = control_plane.sandbox
        self._files = self._sandbox.folder / "node"
        self._files.mkdir()
        self._start_containerd()

    def load(self, archive: Path) -> None:
        """Images as `docker save` writes them."""
        self._sandbox.run(*self._ctr("images", "import", str(archive)), timeout=300)

    def join(self) -> None:
        """Starts what makes it a node, and waits until it is ready. Wants the image PAUSE."""
        programs = kubernetes("kubelet", "kube-proxy")
        self._sandbox.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        flags = [f"--kubeconfig={self.control_plane.kubeconfig}", f"--root-dir={self._files}/kubelet"]
        flags += [f"--hostname-override={NAME}", f"--node-ip={ADDRESS}", self._config("kubelet", self._kubelet())]
        kubelet = self._sandbox.start("kubelet", str(programs["kubelet"]), *flags)
        self._sandbox.start("kube-proxy", str(programs["kube-proxy"]), self._config("kube-proxy", self._proxy()))
        kubelet.await_(self._ready, "the node is ready")

    def kill(self, container_id: str) -> None:
        """Ends a container's first process at once, as from outside."""
        self._sandbox.run(*self._ctr("tasks", "kill", "--signal=SIGKILL", container_id.removeprefix("containerd://")))

    def _start_containerd(self) -> None:
        networks = self._files / "cni"
        networks.mkdir()
        (networks / "10-pods.conflist").write_text(json.dumps(_network(self._files)))
        settings = self._files / "containerd.toml"
        settings.write_text(_containerd(self._files, networks))
        daemon = self._sandbox.start("containerd", str(system("containerd")), f"--config={settings}")
        daemon.await_(
            lambda: self._sandbox.run(*self._ctr("version"), check=False).returncode == 0, "containerd answers"
        )

    def _ctr(self, *arguments: str) -> list[str]:
        return [str(system("ctr")), f"--address={SOCKET}", "--namespace=k8s.io", *arguments]

    def _ready(self) -> bool:
        told = self.control_plane.kubectl.tried(
            "get", "node", NAME, "--output=jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        )
        return told.stdout == "True"

    def _config(self, name: str, document: dict[str, object]) -> str:
        path = self._files / f"{name}.json"
        path.write_text(json.dumps(document, indent=1))
        return f"--config={path}"

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
            "clientConnection": {"kubeconfig": str(self.control_plane.kubeconfig)},
            # Of the whole machine: not to be changed from a network namespace.
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }


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
