// On which interface each packet of a pcapng file was captured. libpcap reads that and keeps it to itself, so this
// reads the block headers too, of the bytes that libpcap is given (draft-ietf-opsawg-pcapng sections 3 and 4).
#pragma once

#include <deque>
#include <string>

#include "input_file.h"
#include "interface_names.h"

namespace sniffer {

class PcapngInterfaces final : public StreamWatcher {
 public:
    explicit PcapngInterfaces(InterfaceNames& names) : names_(names) {}

    // The file's bytes, in pieces. Of a file that is none of pcapng, or damaged (which libpcap will say), nothing is
    // kept.
    void see(const char* bytes, size_t size) override;
    // The interface's number of the next packet that libpcap hands over: as many are waiting as the bytes that
    // libpcap has not got to yet hold.
    uint32_t next();

 private:
    void read_block();
    void begin_section();
    void add_interface();
    void add_packet(uint32_t interface);
    uint32_t u32(size_t offset) const;
    uint16_t u16(size_t offset) const;

    // A block's type and length and what follows them: a byte order or an interface.
    static constexpr size_t kHead = 12;
    // The options of an interface that are looked at.
    static constexpr size_t kLongestHead = 64 << 10;
    static constexpr size_t kMostInterfaces = 65536;

    InterfaceNames& names_;
    bool given_up_ = false, section_ = false, swapped_ = false;
    std::string head_;  // of the current block, until `wanted_` bytes are there
    size_t wanted_ = kHead;
    uint64_t skip_ = 0;                 // bytes of the block that tell nothing
    std::vector<uint32_t> interfaces_;  // of the section: their numbers in names_
    std::deque<uint32_t> packets_;
};

}  // namespace sniffer
