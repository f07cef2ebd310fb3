// The two file formats, as bytes: pcap with nanoseconds, and pcapng (draft-ietf-opsawg-pcapng).
//
// Packets travel inside the recorder as pcap's own records, so that a pcap file is written without
// a further copy; pcapng is made of them when they are written.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "types.h"

namespace sniffer {

// A packet's header in a pcap file, in the machine's byte order. The packet's bytes follow.
struct PcapRecord {
    uint32_t seconds, nanos, captured, wire;
    Nanos time() const { return static_cast<Nanos>(seconds) * kSecond + nanos; }
};
static_assert(sizeof(PcapRecord) == 16);

// What a file says of its origin.
struct RecordingOrigin {
    int link_type = 1;  // LINKTYPE_, as files number them
    uint32_t snaplen = 262144;
    std::string interface, host, filter;
};

struct InterfaceStatistics {
    Nanos first = 0, last = 0;
    uint64_t received = 0, dropped = 0;
};

class RecordingFormat {
 public:
    RecordingFormat(bool pcapng, RecordingOrigin origin) : pcapng_(pcapng), origin_(std::move(origin)) {}

    bool pcapng() const { return pcapng_; }
    const char* suffix() const { return pcapng_ ? ".pcapng" : ".pcap"; }
    std::string header() const;
    // Bytes that a packet takes in the file.
    uint64_t size(uint32_t captured) const {
        return pcapng_ ? 32 + ((captured + 3) & ~3u) : sizeof(PcapRecord) + captured;
    }
    // `records` (whole ones) as the file has them; `buffer` may hold them.
    std::string_view packets(std::string_view records, std::string& buffer) const;
    // What ends a file; nothing in pcap.
    std::string trailer(const InterfaceStatistics& statistics) const;

 private:
    bool pcapng_;
    RecordingOrigin origin_;
};

// libpcap's DLT_ value as files number it (LINKTYPE_): raw IP is the one that differs here.
int file_link_type(int dlt);

}  // namespace sniffer
