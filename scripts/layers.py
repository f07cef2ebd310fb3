"""Checks that the engine's includes run one way: no stage knows a later one, and only the engine wires them.

A file may include files of its own layer and of the layers above it in this table. A stem stands for
its header and its source; a new file has to be given its place here.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "native" / "src"

LAYERS: dict[str, str] = {
    "basics": """sniffer types clock error cursor seq checksum hash lru pool refilled arena text ascii byte_set
        plain_copy utf8 base64 glob field_text json_text trace_context counter ledger events wakeup confine config
        config_fields config_recording""",
    "link": "link",
    "capture": """pcap_handle input_file pcap_records interface_names pcapng_interfaces capture capture_files
        capture_filter capture_live interfaces""",
    "decode": "ip_header ip_fragments tcp_header decode",
    "tcp": "stream_handler held_segments tcp_stream stream_pair tcp_handshake tcp_reassembly tcp_reset tcp_connection",
    "record": """exchange content_coding content_decode redact redact_fields redact_form redact_json redact_multipart
        redact_search json_check multipart_check exclude record header_kind known_headers header_names record_scratch
        string_writer record_head record_body""",
    # HTTP fills in the record's message; the record knows nothing of how it was parsed.
    "http": """protocol http_space http_head http_start_line http_fields http_body http_message http_context
        http_pairing http_connection http_steps http_ends""",
    "connections": """connection connection_lists flow_table former_connections stray_segments packet_clock
        excluded_ends tracker tracker_relief""",
    "recording": """anonymizer file_hash frame_index packet_chunk recording_format recording_folder recording_guard
        recording_index recording_stream recording_survey recording_trigger recording_writer recorder""",
    "ring": "ring histogram exchange_metrics",
    "engine": "engine",
    # Beside the engine: capture files in, rows for statistics out.
    "timing": "sniffer_timing timing_packet timing_connections timing_reader timing_cut",
    "merge": "sniffer_recordings recordings_merge",
    "abi": "abi recordings_abi timing_abi",
}
PLACE = {stem: place for place, stems in enumerate(LAYERS.values()) for stem in stems.split()}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def violations(source: Path) -> list[str]:
    if source.stem not in PLACE:
        return [f"{source.name}: has no layer yet; give it one in scripts/layers.py"]
    included = [Path(name) for name in INCLUDE.findall(source.read_text())]
    return [
        f"{source.name} includes {header.name}, of a later layer"
        for header in included
        if PLACE.get(header.stem, 0) > PLACE[source.stem]
    ]


def main() -> int:
    sources = sorted([*SOURCES.glob("*.h"), *SOURCES.glob("*.cc")])
    found = [violation for source in sources for violation in violations(source)]
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(sources)} files, {len(found)} violations of the layers")
    return 1 if found or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
