// Capture files as one stream of packets, and the rows that become of them, a batch at a time.
#pragma once

#include <memory>

#include "capture.h"
#include "interface_names.h"
#include "timing_connections.h"

namespace sniffer {

class OfflineFilter;

// kNoTime where the file holds no packet. Throws EngineError.
Nanos first_packet_time(const std::string& path);

class TimingReader final : private PacketHandler {
 public:
    // Throws EngineError: a file is not there, the filter does not compile.
    TimingReader(Config config, bool packets);
    ~TimingReader() override;

    // The next rows, valid until the next call; none of any kind at the end. Throws EngineError.
    const TimingRows& read();
    const sniffer_timing_counts& counts();
    const InterfaceNames& interfaces() const { return interfaces_; }

 private:
    bool open_next();
    void on_packet(const pcap_pkthdr& header, const uint8_t* packet, Nanos time) override;
    void on_link_type(int link_type) override;
    void use(const TimingPacket& packet, uint32_t wire_length, uint32_t interface, Nanos delay);
    uint32_t interface_of(const pcap_pkthdr& header, const uint8_t* packet);

    const Config config_;
    const bool packets_;
    TimingRows rows_;
    TimingConnections connections_;
    Decoder decoder_;
    InterfaceNames interfaces_;
    std::unique_ptr<Capture> capture_;
    std::unique_ptr<OfflineFilter> filter_;
    PacketPlace place_;
    uint32_t next_file_ = 0;
    Nanos last_ = kNoTime;
    bool ended_ = false;
    sniffer_timing_counts counts_{};
};

}  // namespace sniffer
