#include "ledger.h"

#include <initializer_list>
#include <utility>

namespace sniffer {
namespace {

using Row = std::pair<const char*, const Counter*>;

void group(std::string& out, const char* name, std::initializer_list<Row> rows) {
    out += out.size() > 1 ? ",\"" : "\"";
    out.append(name).append("\":{");
    const char* comma = "";
    for (const auto& [key, counter] : rows) {
        out.append(comma).append("\"").append(key).append("\":").append(std::to_string(counter->get()));
        comma = ",";
    }
    out += '}';
}

// What was not recorded is one number to all readers, whatever kept it from the file.
void add_recording(const Ledger::Recording& r, std::string& out) {
    Counter not_recorded;
    not_recorded.set(r.paused.get() + r.write_failed.get() + r.buffer_full.get());
    group(out, "recording",
          {{"offered", &r.offered},
           {"recorded", &r.recorded},
           {"not_recorded", &not_recorded},
           {"pre_trigger", &r.pre_trigger},
           {"stream_dropped", &r.stream_dropped}});
}

}  // namespace

std::string Ledger::to_json() const {
    std::string out = "{";
    const Packets& p = packets;
    group(out, "packets",
          {{"received", &p.received},
           {"used", &p.used},
           {"not_ip", &p.not_ip},
           {"not_tcp", &p.not_tcp},
           {"malformed", &p.malformed},
           {"fragment", &p.fragment},
           {"fragment_lost", &p.fragment_lost},
           {"loopback_copy", &p.loopback_copy},
           {"other_port", &p.other_port},
           {"sampled_out", &p.sampled_out},
           {"other_direction", &p.other_direction},
           {"own_delivery", &p.own_delivery},
           {"no_connection", &p.no_connection},
           {"after_close", &p.after_close},
           {"recorded_only", &p.recorded_only}});
    group(out, "capture",
          {{"kernel_received", &capture.kernel_received},
           {"kernel_dropped", &capture.kernel_dropped},
           {"interface_dropped", &capture.interface_dropped}});
    const Connections& c = connections;
    group(out, "connections",
          {{"opened", &c.opened},
           {"fin", &c.fin},
           {"reset", &c.reset},
           {"evicted", &c.evicted},
           {"memory", &c.memory},
           {"idle_timeout", &c.idle_timeout},
           {"replaced", &c.replaced},
           {"capture_end", &c.capture_end}});
    const Messages& m = messages;
    group(out, "messages",
          {{"produced", &m.produced},
           {"filtered", &m.filtered},
           {"queue_full", &m.queue_full},
           {"delivered", &m.delivered},
           {"incomplete", &m.incomplete}});
    const Streams& s = streams;
    group(out, "streams",
          {{"gaps", &s.gaps},
           {"gap_bytes", &s.gap_bytes},
           {"not_http", &s.not_http},
           {"not_http_bytes", &s.not_http_bytes},
           {"unparsed_bytes", &s.unparsed_bytes},
           {"tunnels", &s.tunnels},
           {"tunnel_bytes", &s.tunnel_bytes},
           {"conflicts", &s.conflicts},
           {"bodies_cut", &s.bodies_cut},
           {"cut_bytes", &s.cut_bytes},
           {"resyncs", &s.resyncs},
           {"retransmitted_bytes", &s.retransmitted_bytes},
           {"out_of_window", &s.out_of_window},
           {"events_withheld", &s.events_withheld},
           {"pipeline_full", &s.pipeline_full}});
    if (recording.on) add_recording(recording, out);
    const Gauges& g = gauges;
    group(out, "gauges",
          {{"openConnections", &g.open_connections},
           {"closedConnections", &g.closed_connections},
           {"openExchanges", &g.open_exchanges},
           {"memoryUsed", &g.memory_used},
           {"memoryPeak", &g.memory_peak},
           {"memoryLimit", &g.memory_limit},
           {"queuedBytes", &g.queued_bytes}});
    out += '}';
    return out;
}

}  // namespace sniffer
