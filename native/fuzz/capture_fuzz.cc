// libFuzzer: any bytes as a capture file. Both of the engine's readers (records, timing) see as many packets as
// libpcap does, and where it gives up they say so; a cut, damaged or foreign file is one clear error.
#include <pcap/pcap.h>

#include <string>

#include "link.h"
#include "replay.h"
#include "sniffer_timing.h"

using namespace sniffer;
using namespace sniffer::fuzz;

namespace {

struct Count {
    uint64_t packets = 0;
    bool whole = false;
};

// What libpcap alone makes of it.
Count by_libpcap(const uint8_t* data, size_t size) {
    FILE* stream = fmemopen(const_cast<uint8_t*>(data), size, "r");
    char error[PCAP_ERRBUF_SIZE];
    pcap_t* handle = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, error);
    if (!handle) {
        fclose(stream);
        return {};
    }
    Count out;
    pcap_pkthdr* header;
    const u_char* packet;
    int got = 0;
    while (link_supported(pcap_datalink(handle)) && (got = pcap_next_ex(handle, &header, &packet)) == 1) ++out.packets;
    out.whole = got == PCAP_ERROR_BREAK;
    pcap_close(handle);
    return out;
}

uint64_t received(const std::string& stats) {
    if (stats.empty()) return 0;
    simdjson::dom::parser parser;
    return parser.parse(stats)["packets"]["received"];
}

Count by_timing(std::string_view capture) {
    const MemoryFile file(capture);
    const std::string config = R"({"ports":[80,8080],"replay":{"files":[")" + file.path() + "\"]}}";
    sniffer_timing* handle = nullptr;
    char error[1024];
    if (sniffer_timing_open(config.c_str(), SNIFFER_TIMING_PACKETS, &handle, error, sizeof error) != SNIFFER_OK) {
        check(error[0] != 0, "a refusal says why");
        return {};
    }
    Count out{0, true};
    sniffer_timing_batch batch{};
    do out.whole = sniffer_timing_read(handle, &batch) == SNIFFER_OK;
    while (out.whole && batch.packet_count + batch.turn_count + batch.connection_count > 0);
    sniffer_timing_counts counts;
    sniffer_timing_count(handle, &counts);
    out.packets = counts.received;
    check(counts.received == counts.used + counts.other_port + counts.filtered + counts.not_ip + counts.other_protocol +
                                 counts.malformed + counts.fragment + counts.loopback_copy,
          "each packet has one name");
    check(out.whole || *sniffer_timing_error(handle), "a failure says why");
    sniffer_timing_close(handle);
    return out;
}

bool compressed(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    return bytes.starts_with("\x1f\x8b") || bytes.starts_with("\x28\xb5\x2f\xfd");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const Replayed ours = replay(bytes);
    check(ours.status == SNIFFER_OK || ours.status == SNIFFER_FILE, ours.error.c_str());
    check((ours.status == SNIFFER_OK) == ours.error.empty(), "a failure, and only one, says why");
    if (!ours.stats.empty()) check_stats(ours.stats);
    const Count timing = by_timing(bytes);
    check(timing.packets == received(ours.stats), "both readers see the same packets");
    check(timing.whole == (ours.status == SNIFFER_OK), "both readers fail, or none");
    if (compressed(data, size)) return 0;
    const Count theirs = by_libpcap(data, size);
    check(theirs.packets == received(ours.stats), "libpcap sees the same packets");
    check(theirs.whole == (ours.status == SNIFFER_OK), "libpcap fails, or neither");
    return 0;
}
