#include "pcapng_interfaces.h"

#include <algorithm>
#include <cstring>

namespace sniffer {
namespace {

enum BlockType : uint32_t {
    kSectionHeader = 0x0A0D0D0A,
    kInterfaceDescription = 1,
    kPacket = 2,  // obsolete, section 4.2 of the appendix
    kSimplePacket = 3,
    kEnhancedPacket = 6
};

constexpr uint32_t kByteOrder = 0x1A2B3C4D, kByteOrderSwapped = 0x4D3C2B1A;

}  // namespace

void PcapngInterfaces::see(const char* bytes, size_t size) {
    while (size > 0 && !given_up_) {
        size_t taken = static_cast<size_t>(std::min<uint64_t>(skip_, size));
        skip_ -= taken;
        if (taken == 0) {
            taken = std::min(wanted_ - head_.size(), size);
            head_.append(bytes, taken);
            if (head_.size() == wanted_) read_block();
        }
        bytes += taken;
        size -= taken;
    }
}

uint32_t PcapngInterfaces::next() {
    if (packets_.empty()) return InterfaceNames::kNone;
    const uint32_t interface = packets_.front();
    packets_.pop_front();
    return interface;
}

void PcapngInterfaces::read_block() {
    const uint32_t type = u32(0);  // a section header's reads the same in either byte order
    if (type == kSectionHeader) begin_section();
    const uint32_t length = u32(4);
    given_up_ = given_up_ || !section_ || length < kHead || length % 4 != 0;
    if (given_up_) return;
    // An interface's name stands further behind.
    if (type == kInterfaceDescription && wanted_ == kHead) {
        wanted_ = std::min<size_t>(length, kLongestHead);
        if (wanted_ > kHead) return;
    }
    if (type == kInterfaceDescription) add_interface();
    if (type == kEnhancedPacket) add_packet(u32(8));
    if (type == kPacket) add_packet(u16(8));
    if (type == kSimplePacket) add_packet(0);
    skip_ = length - head_.size();
    head_.clear();
    wanted_ = kHead;
}

// Each section has a byte order and interfaces of its own.
void PcapngInterfaces::begin_section() {
    uint32_t order = 0;
    std::memcpy(&order, head_.data() + 8, sizeof order);
    section_ = order == kByteOrder || order == kByteOrderSwapped;
    swapped_ = order == kByteOrderSwapped;
    interfaces_.clear();
}

// Link type, reserved, snap length, then options: code, length, value, padded to 4 bytes.
void PcapngInterfaces::add_interface() {
    constexpr size_t kOptions = 16, kOptionHead = 4, kTrailer = 4;
    constexpr uint16_t kEnd = 0, kName = 2;
    if (interfaces_.size() >= kMostInterfaces) return;
    uint32_t number = InterfaceNames::kNone;
    for (size_t at = kOptions; at + kOptionHead + kTrailer <= head_.size();) {
        const uint16_t code = u16(at);
        const size_t length = u16(at + 2), value = at + kOptionHead;
        if (code == kEnd || value + length + kTrailer > head_.size()) break;
        // Some writers count the end of a C string in.
        const char* name = head_.data() + value;
        if (code == kName) number = names_.number({name, strnlen(name, length)});
        at = value + (length + 3) / 4 * 4;
    }
    interfaces_.push_back(number);
}

void PcapngInterfaces::add_packet(uint32_t interface) {
    packets_.push_back(interface < interfaces_.size() ? interfaces_[interface] : InterfaceNames::kNone);
}

uint32_t PcapngInterfaces::u32(size_t offset) const {
    uint32_t value = 0;
    std::memcpy(&value, head_.data() + offset, sizeof value);
    return swapped_ ? __builtin_bswap32(value) : value;
}

uint16_t PcapngInterfaces::u16(size_t offset) const {
    uint16_t value = 0;
    std::memcpy(&value, head_.data() + offset, sizeof value);
    return swapped_ ? __builtin_bswap16(value) : value;
}

}  // namespace sniffer
