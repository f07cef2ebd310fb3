"""The images that a node without a registry needs, in an archive that its containerd imports."""

from __future__ import annotations

from pathlib import Path

from image.build import ROOT, build
from image.engine import engine

from .node import PAUSE

CACHE = ROOT / ".cache" / "image"
SIDECAR = "tcp-sniffer:test"
WEBHOOK = "tcp-sniffer-webhook:test"
# As broken as a library gets: the file is there, and is none.
BROKEN = "tcp-sniffer:broken"
_DERIVED = {
    PAUSE: f'FROM {SIDECAR}\nENTRYPOINT ["sleep", "infinity"]\n',
    BROKEN: f"FROM {SIDECAR}\nRUN truncate --size=100 $(find / -xdev -name libsniffer.so)\n",
}


def save() -> Path:
    """Builds them all from the Dockerfile; the archive's path."""
    archive = CACHE / "cluster.tar"
    with engine(CACHE) as docker:
        build(docker, SIDECAR, CACHE)
        build(docker, WEBHOOK, CACHE, "webhook")
        for tag, dockerfile in _DERIVED.items():
            docker("build", "--network=none", f"--tag={tag}", "-", stdin=dockerfile.encode())
        docker("save", f"--output={archive}", SIDECAR, WEBHOOK, *_DERIVED, timeout=300)
    return archive
