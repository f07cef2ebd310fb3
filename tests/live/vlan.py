"""A VLAN interface in user space, run as a program: vlan.py INTERFACE NUMBER NAME.

Not every kernel has 8021q. The frames on INTERFACE are the same: a tag goes in on the way out and comes off on the
way in, and NAME is an interface without tags.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import socket
import struct
import sys
from pathlib import Path

ETH_P_ALL = 3
TPID = 0x8100
_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x2, 0x1000
_SIOCSIFHWADDR, _ARPHRD_ETHER = 0x8924, 1
_SOL_PACKET, _PACKET_AUXDATA = 263, 8
_AUXDATA = struct.Struct("=IIIHHHH")  # struct tpacket_auxdata of linux/if_packet.h
_VLAN_VALID = 0x10


def open_tap(name: str, mac: bytes) -> int:
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH14x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFHWADDR, struct.pack("16sH6s8x", name.encode(), _ARPHRD_ETHER, mac))
    return tap


def open_wire(interface: str) -> socket.socket:
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    wire.bind((interface, ETH_P_ALL))
    wire.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
    return wire


def receive(wire: socket.socket, number: int) -> bytes | None:
    """A frame of this VLAN that came in; the kernel has taken its tag off and tells it beside the frame."""
    frame, ancillary, _, address = wire.recvmsg(1 << 16, socket.CMSG_SPACE(_AUXDATA.size))
    if address[2] == socket.PACKET_OUTGOING:
        return None
    for level, kind, data in ancillary:
        if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
            status, _, _, _, _, tag, _ = _AUXDATA.unpack(data[: _AUXDATA.size])
            if status & _VLAN_VALID and tag & 0xFFF == number:
                return frame
    return None


def main(interface: str, number: int, name: str) -> None:
    mac = bytes.fromhex(Path(f"/sys/class/net/{interface}/address").read_text().strip().replace(":", ""))
    wire, tap = open_wire(interface), open_tap(name, mac)
    tag = struct.pack("!HH", TPID, number)
    selector = selectors.DefaultSelector()
    selector.register(wire, selectors.EVENT_READ)
    selector.register(tap, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fd == tap:
                frame = os.read(tap, 1 << 16)
                wire.send(frame[:12] + tag + frame[12:])
            elif (received := receive(wire, number)) is not None:
                os.write(tap, received)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
