// libpcap's handle, owned, and what live captures and files have in common.
#pragma once

#include <pcap/pcap.h>

#include <algorithm>
#include <memory>

#include "capture.h"

namespace sniffer {

struct PcapClose {
    void operator()(pcap_t* handle) const { pcap_close(handle); }
};
using PcapHandle = std::unique_ptr<pcap_t, PcapClose>;

// All handles are opened with nanosecond precision: tv_usec holds nanoseconds.
inline Nanos packet_time(const pcap_pkthdr& header) {
    const long seconds = std::clamp<long>(header.ts.tv_sec, 0, kLastTime / kSecond);
    const long nanos = std::clamp<long>(header.ts.tv_usec, 0, kSecond - 1);
    return std::min(seconds * kSecond + nanos, kLastTime);
}

// Whose packets a filter lets through: both, unless one of them is not wanted.
enum class FilterFor { all, messages, recording };

// A compiled filter, owned.
class FilterProgram {
 public:
    // The filter of `config` for this handle. Throws EngineError(SNIFFER_CONFIG).
    FilterProgram(pcap_t* handle, const Config& config, FilterFor purpose, bool loopback = false);
    ~FilterProgram() { pcap_freecode(&program_); }
    FilterProgram(const FilterProgram&) = delete;
    FilterProgram& operator=(const FilterProgram&) = delete;

    bool matches(const pcap_pkthdr& header, const uint8_t* packet) const {
        return pcap_offline_filter(&program_, &header, packet) != 0;
    }
    bpf_program* program() { return &program_; }
    const std::string& text() const { return text_; }

 private:
    std::string text_;
    bpf_program program_{};
};

}  // namespace sniffer
