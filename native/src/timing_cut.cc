#include "timing_cut.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <tuple>
#include <vector>

#include "capture.h"
#include "error.h"
#include "flow_table.h"
#include "pcap_handle.h"
#include "timing_packet.h"

namespace sniffer {
namespace {

constexpr int kSnapLength = 262144;

using Flow = std::tuple<std::array<uint8_t, 16>, std::array<uint8_t, 16>, uint32_t, uint8_t>;

Flow flow_of(const Endpoint& a, const Endpoint& b, uint8_t protocol) {
    bool low_sent;
    const FlowKey key = FlowKey::of(a, b, low_sent);
    return {key.low.ip.bytes, key.high.ip.bytes, static_cast<uint32_t>(key.low.port) << 16 | key.high.port, protocol};
}

std::string_view next_word(std::string_view& text) {
    const size_t end = std::min(text.find_first_of(" \n"), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
}

template <typename Int>
bool read_number(std::string_view text, Int& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size();
}

std::set<Flow> read_flows(std::string_view text) {
    std::set<Flow> flows;
    while (!text.empty()) {
        uint8_t protocol = 0;
        Endpoint ends[2];
        bool good = read_number(next_word(text), protocol);
        for (Endpoint& end : ends) {
            good = parse_address(next_word(text), end.ip) && good;
            good = read_number(next_word(text), end.port) && good;
        }
        if (!good) throw EngineError(SNIFFER_CONFIG, "flows: not a line of protocol, address, port, address, port");
        flows.insert(flow_of(ends[0], ends[1], protocol));
    }
    return flows;
}

struct DumpClose {
    void operator()(pcap_dumper_t* dumper) const { pcap_dump_close(dumper); }
};

class Cutter final : public PacketHandler {
 public:
    Cutter(std::set<Flow> flows, int link_type, const std::string& path)
        : flows_(std::move(flows)),
          decoder_(link_type),
          handle_(pcap_open_dead_with_tstamp_precision(link_type, kSnapLength, PCAP_TSTAMP_PRECISION_NANO)),
          dumper_(pcap_dump_open(handle_.get(), path.c_str())) {
        if (!dumper_) throw EngineError(SNIFFER_FILE, pcap_geterr(handle_.get()));
    }

    void on_packet(const pcap_pkthdr& header, const uint8_t* packet, Nanos time) override {
        TimingPacket out;
        const Verdict verdict = decode_timing(decoder_, header, packet, time, out);
        const bool fragment = verdict == Verdict::fragment;
        if (!fragment && (out.protocol == 0 || !flows_.contains(flow_of(out.source, out.destination, out.protocol))))
            return;
        pcap_pkthdr cut = header;
        if (!fragment) cut.caplen = kept(header, packet, out);
        pcap_dump(reinterpret_cast<u_char*>(dumper_.get()), &cut, packet);
    }
    void on_link_type(int) override {}

    void finish() {
        if (pcap_dump_flush(dumper_.get()) != 0) throw EngineError(SNIFFER_FILE, "the cut packets can't be written");
    }

 private:
    static uint32_t kept(const pcap_pkthdr& header, const uint8_t* packet, const TimingPacket& out) {
        constexpr uint32_t kMessage = 2048;
        const auto* payload = reinterpret_cast<const uint8_t*>(out.payload.data());
        // Reassembled: the payload stands elsewhere, and the packet is its last fragment.
        if (!out.payload.empty() && (payload < packet || payload >= packet + header.caplen)) return header.caplen;
        if (out.payload.empty()) return header.caplen;
        const bool message = !request_start(out.payload).method.empty() || out.payload.starts_with("HTTP/");
        const auto headers = static_cast<uint32_t>(payload - packet);
        return std::min(header.caplen, headers + (message ? kMessage : 0));
    }

    const std::set<Flow> flows_;
    Decoder decoder_;
    PcapHandle handle_;
    std::unique_ptr<pcap_dumper_t, DumpClose> dumper_;
};

}  // namespace

void cut_flows(const Config& config, std::string_view flows, const std::string& path) {
    const std::unique_ptr<Capture> capture = open_files(config);
    Cutter cutter(read_flows(flows), capture->link_type(), path);
    while (capture->dispatch(cutter, 0) >= 0) continue;
    cutter.finish();
}

}  // namespace sniffer
