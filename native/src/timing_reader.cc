#include "timing_reader.h"

#include <pcap/pcap.h>

#include "cursor.h"
#include "error.h"
#include "pcap_handle.h"

namespace sniffer {

// The user's filter alone, on packets of a link type. Here, so that packets it leaves out are numbered too.
class OfflineFilter {
 public:
    OfflineFilter(int link_type, const std::string& text) {
        constexpr int kSnapLength = 262144;
        const PcapHandle handle(pcap_open_dead(link_type, kSnapLength));
        if (pcap_compile(handle.get(), &program_, text.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
            throw EngineError(SNIFFER_CONFIG,
                              "the filter does not compile: " + std::string(pcap_geterr(handle.get())) + ": " + text);
    }
    ~OfflineFilter() { pcap_freecode(&program_); }
    OfflineFilter(const OfflineFilter&) = delete;
    OfflineFilter& operator=(const OfflineFilter&) = delete;

    bool matches(const pcap_pkthdr& header, const uint8_t* packet) const {
        return pcap_offline_filter(&program_, &header, packet) != 0;
    }

 private:
    bpf_program program_{};
};

namespace {

Config one_file(const Config& config, uint32_t index) {
    Config one;
    one.ports = config.ports;
    one.replay_files = {config.replay_files[index]};
    return one;
}

}  // namespace

Nanos first_packet_time(const std::string& path) {
    struct First final : PacketHandler {
        void on_packet(const pcap_pkthdr&, const uint8_t*, Nanos packet_time) override {
            if (time == kNoTime) time = packet_time;
        }
        void on_link_type(int) override {}
        Nanos time = kNoTime;
    } first;
    Config config;
    config.ports = {{1, 65535}};
    config.replay_files = {path};
    const std::unique_ptr<Capture> capture = open_files(config);
    while (first.time == kNoTime && capture->dispatch(first, 0) >= 0) continue;
    return first.time;
}

TimingReader::TimingReader(Config config, bool packets)
    : config_(std::move(config)), packets_(packets), connections_(config_.ports, rows_), decoder_(DLT_EN10MB) {
    if (config_.replay_files.empty()) throw EngineError(SNIFFER_CONFIG, "no capture file was named");
    open_next();
}

TimingReader::~TimingReader() = default;

// Frame numbers begin anew with each file; connections go on.
bool TimingReader::open_next() {
    if (next_file_ >= config_.replay_files.size()) return false;
    capture_ = open_files(one_file(config_, next_file_), packets_ ? &interfaces_ : nullptr);
    place_ = {0, next_file_++};
    filter_.reset();
    if (capture_->link_type() >= 0) on_link_type(capture_->link_type());
    return true;
}

void TimingReader::on_link_type(int link_type) {
    decoder_.set_link_type(link_type);
    if (!config_.filter.empty()) filter_ = std::make_unique<OfflineFilter>(link_type, config_.filter);
}

const TimingRows& TimingReader::read() {
    rows_.clear();
    while (!ended_ && !rows_.full())
        if (capture_->dispatch(*this, 0) < 0) ended_ = !open_next();
    constexpr size_t kAtOnce = 4096;
    if (ended_)
        while (!rows_.full() && connections_.finish(kAtOnce)) continue;
    return rows_;
}

const sniffer_timing_counts& TimingReader::counts() {
    counts_.evicted = connections_.evicted();
    return counts_;
}

void TimingReader::on_packet(const pcap_pkthdr& header, const uint8_t* packet, Nanos time) {
    ++place_.number;
    ++counts_.received;
    const Nanos delay = last_ == kNoTime ? kNoTime : time - last_;
    last_ = time;
    if (filter_ && !filter_->matches(header, packet)) {
        ++counts_.filtered;
        return;
    }
    TimingPacket out;
    switch (decode_timing(decoder_, header, packet, time, out)) {
        case Verdict::tcp:
            break;
        case Verdict::not_tcp:
            if (out.protocol == kUdpProtocol) break;
            ++counts_.other_protocol;
            return;
        case Verdict::not_ip:
            ++counts_.not_ip;
            return;
        case Verdict::malformed:
            ++counts_.malformed;
            return;
        case Verdict::fragment:
        case Verdict::fragment_lost:
            ++counts_.fragment;
            return;
        case Verdict::loopback_copy:
            ++counts_.loopback_copy;
            return;
    }
    if (!connections_.wanted(out)) {
        ++counts_.other_port;
        return;
    }
    use(out, header.len, packets_ ? interface_of(header, packet) : 0, delay);
}

// Linux cooked v2 has the interface's index in each packet, of a capture on all of them: protocol, reserved, index
// (draft-ietf-opsawg-pcaplinktype).
uint32_t TimingReader::interface_of(const pcap_pkthdr& header, const uint8_t* packet) {
    if (capture_->link_type() != DLT_LINUX_SLL2) return capture_->packet_interface();
    return interfaces_.number(std::to_string(Cursor(packet, header.caplen, header.len).u32(4)));
}

void TimingReader::use(const TimingPacket& packet, uint32_t wire_length, uint32_t interface, Nanos delay) {
    ++counts_.used;
    const TimingVerdict verdict = connections_.add(packet, place_);
    if (!packets_) return;
    rows_.packets.push_back({.time = packet.time,
                             .delay = delay,
                             .connection_delay = verdict.connection_delay,
                             .number = place_.number,
                             .connection = verdict.connection,
                             .file = place_.file,
                             .interface = interface,
                             .length = wire_length,
                             .payload = packet.length,
                             .flags = packet.flags,
                             .from_client = verdict.from_client,
                             .nothing_new = verdict.nothing_new,
                             .reserved = {}});
}

}  // namespace sniffer
