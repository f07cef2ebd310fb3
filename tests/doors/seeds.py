"""Where the doors' fuzzing begins: what is right, of each kind, so that little changes reach far. seeds.py FOLDER."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from packets import Conversation, pcap
from packets.files import frames

CONFIGS = (
    "ports: [80, '9000-9100']\noutputUrl: https://a.example/\nredactHeaders: [x-key]\n",
    "ports: 80\nexclude:\n  - method: GET\n    path: /healthz*\n  - header: {name: a, value: '*'}\n",
    "{ports: [1], outputBatch: {maxMessages: 10, maxBytes: 1e6}, sampleRate: 0.5}",
    "a: &a [1, 2]\nports: *a\n",
    "[" * 2000,
    "a: &a [1]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\nports: *c\n",
    "ports: [80]\nsampleRate: 1e999\nmaxBodySize: 99999999999999999999999\nlogLevel: !!python/name:os.system\n",
    "recording: {enabled: true, directory: /x, format: pcapng}\nports: [80]\nonFatal: idle\n",
)
POD = {
    "metadata": {"generateName": "web-", "annotations": {"tcp-sniffer/ports": "80", "tcp-sniffer/sample-rate": "0.5"}},
    "spec": {"containers": [{"name": "a", "image": "b", "ports": [{"containerPort": 80}], "env": []}]},
}
REVIEW = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {
        "uid": "1",
        "kind": {"kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "shop",
        "operation": "CREATE",
        "object": POD,
    },
}


def write(folder: Path, seeds: list[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (folder / str(number)).write_bytes(seed)


def main(folder: Path) -> None:
    write(folder / "config", [text.encode() for text in CONFIGS])
    review = json.dumps(REVIEW).encode()
    write(folder / "review", [review, b'{"a":' * 900, *(review + b"\0" + text.encode() for text in CONFIGS)])
    asked = Conversation().open().exchange(b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 204 N\r\n\r\n").close()
    write(folder / "timing", [pcap(frames(asked.segments)), b"", b"\n\r\r\x0a" + bytes(24)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
