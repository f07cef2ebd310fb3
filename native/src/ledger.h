// Every count of the engine, by name. The balance: packets.received is the sum of the other packet
// reasons, connections.opened of the ends (and those still open), messages.produced of what became
// of them.
#pragma once

#include <string>

#include "counter.h"

namespace sniffer {

struct Ledger {
    struct Packets {
        Counter received, used, not_ip, not_tcp, malformed, fragment, fragment_lost, loopback_copy, other_port,
            sampled_out, other_direction, own_delivery, no_connection, after_close, recorded_only;
    } packets;
    struct Capture {
        Counter kernel_received, kernel_dropped, interface_dropped;
    } capture;
    struct Connections {
        Counter opened, fin, reset, evicted, memory, idle_timeout, replaced, capture_end;
    } connections;
    struct Messages {
        Counter produced, filtered, queue_full, delivered, incomplete;
    } messages;
    struct Streams {
        Counter gaps, gap_bytes, not_http, not_http_bytes, unparsed_bytes, tunnels, tunnel_bytes, conflicts, bodies_cut,
            cut_bytes, resyncs, retransmitted_bytes, out_of_window, events_withheld, pipeline_full;
    } streams;
    // offered = recorded + paused + write_failed + buffer_full + pre_trigger + what waits. Each counter has
    // one writer: `recorded` and `write_failed` the recording's thread, `stream_dropped` the stream's.
    struct Recording {
        Counter offered, recorded, paused, write_failed, buffer_full, pre_trigger, stream_dropped;
        bool on = false;
    } recording;
    struct Gauges {
        Counter open_connections, closed_connections, open_exchanges, memory_used, memory_peak, memory_limit,
            queued_bytes;
    } gauges;

    std::string to_json() const;
};

}  // namespace sniffer
