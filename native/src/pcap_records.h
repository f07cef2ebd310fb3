// The records of a capture file, read where they lie in one buffer. libpcap reads each through stdio and copies it
// from there: half of what reading costs.
#pragma once

#include <pcap/pcap.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>

namespace sniffer {

// Takes the ordinary case alone: a regular file in pcap's classic format and this machine's byte order. Whatever else
// comes - a cut record, one longer than the snap length, the end - is left to libpcap, whose words on it are known.
class PcapRecords {
 public:
    // `stream` stands at the file's begin, where `handle` was not opened on it yet; both stay the caller's.
    // Null where this is not the ordinary case.
    static std::unique_ptr<PcapRecords> open(FILE* stream);
    // Once libpcap opened the file, whose snap length it knows. From here on the stream's descriptor is read directly,
    // whose position also tells a progress bar how far it is.
    void start(int snap_length);

    // False where libpcap is to read on: then the stream stands there. The packet is valid until the next call.
    bool next(pcap_pkthdr& header, const uint8_t*& packet);

 private:
    PcapRecords(FILE* stream, off_t begin, bool nanos);
    bool have(size_t bytes) {
        while (filled_ - position_ < bytes)
            if (!refill()) return false;
        return true;
    }
    bool refill();
    bool give_back();

    FILE* stream_;
    off_t offset_;      // of the buffer's first byte in the file
    const long units_;  // nanoseconds in a unit of the time stamp's fraction
    uint32_t snap_length_ = 0;
    size_t position_ = 0, filled_ = 0;
    std::unique_ptr<uint8_t[]> buffer_;
};

}  // namespace sniffer
