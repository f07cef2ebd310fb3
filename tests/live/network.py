"""Two network namespaces joined by a wire, with a VLAN on it; made and removed by the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

# (IPv4, IPv6) of each side's `wire`, and of its VLAN.
SERVER, CLIENT = ("10.77.0.1", "fd77::1"), ("10.77.0.2", "fd77::2")
SERVER_VLAN, CLIENT_VLAN = ("10.78.0.1", "fd78::1"), ("10.78.0.2", "fd78::2")
VLAN_NUMBER, VLAN_NAME = 42, "wire.42"
START_TIMEOUT_S = 20.0


def run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done


@dataclass(frozen=True)
class Namespace:
    """A network namespace; its end of the wire is the interface `wire`, with `wire.42` on it."""

    name: str

    def inside(self, *command: str) -> tuple[str, ...]:
        """The command, to be run inside."""
        return ("ip", "netns", "exec", self.name, *command)

    def run(self, *command: str) -> str:
        return run(*self.inside(*command)).stdout

    def set_up(self, interface: str, addresses: tuple[str, str]) -> None:
        ipv4, ipv6 = addresses
        self.run("ip", "address", "add", f"{ipv4}/24", "dev", interface)
        self.run("ip", "address", "add", f"{ipv6}/64", "dev", interface, "nodad")
        self.run("ip", "link", "set", interface, "up")

    def add_vlan(self) -> subprocess.Popen[bytes]:
        program = Path(__file__).with_name("vlan.py")
        command = self.inside(sys.executable, str(program), "wire", str(VLAN_NUMBER), VLAN_NAME)
        process = subprocess.Popen(command)
        deadline = time.monotonic() + START_TIMEOUT_S
        while run(*self.inside("ip", "link", "show", VLAN_NAME), check=False).returncode:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the VLAN's interface did not appear: is /dev/net/tun there?")
            time.sleep(0.02)
        return process


class Network:
    """Client and server, each in a namespace."""

    def __init__(self) -> None:
        self.client = Namespace(f"sniffer-test-c{os.getpid()}")
        self.server = Namespace(f"sniffer-test-s{os.getpid()}")
        self._vlans: list[subprocess.Popen[bytes]] = []

    def create(self) -> None:
        for side in (self.client, self.server):
            run("ip", "netns", "add", side.name)
            side.run("ip", "link", "set", "lo", "up")
        peer = ("type", "veth", "peer", "name", "wire", "netns", self.server.name)
        self.client.run("ip", "link", "add", "wire", *peer)
        for side, addresses, vlan in ((self.client, CLIENT, CLIENT_VLAN), (self.server, SERVER, SERVER_VLAN)):
            side.set_up("wire", addresses)
            self._vlans.append(side.add_vlan())
            side.set_up(VLAN_NAME, vlan)

    def remove(self) -> None:
        for process in self._vlans:
            process.terminate()
            process.wait()
        for side in (self.client, self.server):
            run("ip", "netns", "delete", side.name, check=False)
