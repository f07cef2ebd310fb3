"""The API server itself: it stands before anything is asked of it, and nothing of it stays."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cluster import users
from cluster.control_plane import ControlPlane
from cluster.kubectl import Kubectl
from cluster.residue import differences, machine, processes
from cluster.sandbox import Sandbox, wait_until

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"generateName": "bare-"},
    "spec": {"containers": [{"name": "app", "image": "app", "ports": [{"containerPort": 8080}]}]},
}


def test_a_pod_is_created_and_read_back(kubectl: Kubectl) -> None:
    created = kubectl.create(POD)
    read = kubectl.get("pod", created["metadata"]["name"])
    kubectl("delete", "pod", created["metadata"]["name"], "--now")
    assert [container["name"] for container in read["spec"]["containers"]] == ["app"]


own_cluster = pytest.mark.skipif(bool(users.KUBECONFIG), reason="it is the user's cluster that is asked")


@own_cluster
def test_a_control_plane_leaves_nothing_behind() -> None:
    before = machine()
    sandbox = Sandbox()
    try:
        control_plane = ControlPlane(sandbox)
        control_plane.kubectl.create(POD)
        assert processes(sandbox.cgroup) != []
    finally:
        sandbox.stop()
    assert processes(sandbox.cgroup) == []
    wait_until(
        lambda: differences(before, machine()) == {}, f"the machine is as before: {differences(before, machine())}", 30
    )


KILLED = """
import os, signal
from cluster.residue import processes
from cluster.sandbox import Sandbox, wait_until
sandbox = Sandbox()
# Like containerd's shims: it leaves the process that started it.
sandbox.run("bash", "-c", f"setsid bash -c 'exec -a {sandbox.cgroup} sleep 1000' >/dev/null 2>&1 &")
wait_until(lambda: processes(sandbox.cgroup) != [], "it runs")
print(sandbox.folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@own_cluster
def test_what_runs_inside_ends_also_where_the_tests_are_killed() -> None:
    tests = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, check=False, cwd=tests)
    folder = Path(killed.stdout.strip())
    assert folder.is_dir(), "the sandbox stood"
    # Other programs' traces come and go.
    wait_until(lambda: processes(folder.name) == [], "the last process has ended", 30)
    shutil.rmtree(folder)
