#include "link.h"

#include <pcap/dlt.h>

namespace sniffer {
namespace {

constexpr int kRawOpenBsd = 14;  // DLT_RAW has two values; files may carry either
constexpr int kMaxVlanTags = 4;

Link by_ether_type(uint16_t type) {
    if (type == 0x0800) return Link::ipv4;
    if (type == 0x86dd) return Link::ipv6;
    return Link::not_ip;  // below 0x600 it is an 802.3 length: LLC follows
}

bool is_vlan_tag(uint16_t type) {
    return type == 0x8100 || type == 0x88a8 || type == 0x9100;  // 802.1Q, 802.1ad, the QinQ of before
}

// `frame` stands behind the type field.
Link strip_vlan(uint16_t type, Cursor& frame) {
    for (int tags = 0; is_vlan_tag(type); ++tags) {
        if (tags == kMaxVlanTags) return Link::not_ip;
        const uint16_t inner = frame.u16(2);
        if (!frame.skip(4)) return Link::malformed;
        type = inner;
    }
    return by_ether_type(type);
}

Link strip_ethernet(Cursor& frame) {
    const uint16_t type = frame.u16(12);
    if (!frame.skip(14)) return Link::malformed;
    return strip_vlan(type, frame);
}

// Linux cooked: on `any`, packets of `lo` are there twice, on their way out and in.
bool is_loopback_copy(uint16_t hardware_type, unsigned packet_type) {
    constexpr uint16_t kLoopbackHardware = 772;  // ARPHRD_LOOPBACK
    constexpr unsigned kOutgoing = 4;            // PACKET_OUTGOING
    return hardware_type == kLoopbackHardware && packet_type == kOutgoing;
}

Link strip_cooked_v1(Cursor& frame) {
    const uint16_t packet_type = frame.u16(0), hardware_type = frame.u16(2), protocol = frame.u16(14);
    if (!frame.skip(16)) return Link::malformed;
    if (is_loopback_copy(hardware_type, packet_type)) return Link::loopback_copy;
    return strip_vlan(protocol, frame);
}

Link strip_cooked_v2(Cursor& frame) {
    const uint16_t protocol = frame.u16(0), hardware_type = frame.u16(8);
    const uint8_t packet_type = frame.u8(10);
    if (!frame.skip(20)) return Link::malformed;
    if (is_loopback_copy(hardware_type, packet_type)) return Link::loopback_copy;
    return strip_vlan(protocol, frame);
}

// BSD loopback: an address family of the capturing system, in its byte order (NULL) or the
// network's (LOOP). No family's value is another's with its bytes swapped, so both are tried.
Link strip_bsd_loopback(Cursor& frame) {
    uint32_t family = frame.u32(0);
    if (!frame.skip(4)) return Link::malformed;
    if (family > 0xffff) family = __builtin_bswap32(family);
    switch (family) {
        case 2:
            return Link::ipv4;
        case 10:  // Linux
        case 23:  // Windows
        case 24:  // NetBSD, OpenBSD
        case 28:  // FreeBSD
        case 30:  // macOS
            return Link::ipv6;
        default:
            return Link::not_ip;
    }
}

Link by_version(const Cursor& packet) {
    if (packet.captured() == 0) return Link::malformed;
    const int version = packet.u8(0) >> 4;
    if (version == 4) return Link::ipv4;
    return version == 6 ? Link::ipv6 : Link::not_ip;
}

}  // namespace

bool link_supported(int link_type) {
    switch (link_type) {
        case DLT_EN10MB:
        case DLT_LINUX_SLL:
        case DLT_LINUX_SLL2:
        case DLT_RAW:
        case kRawOpenBsd:
        case DLT_IPV4:
        case DLT_IPV6:
        case DLT_NULL:
        case DLT_LOOP:
            return true;
        default:
            return false;
    }
}

Link strip_link(int link_type, Cursor& frame) {
    switch (link_type) {
        case DLT_EN10MB:
            return strip_ethernet(frame);
        case DLT_LINUX_SLL:
            return strip_cooked_v1(frame);
        case DLT_LINUX_SLL2:
            return strip_cooked_v2(frame);
        case DLT_RAW:
        case kRawOpenBsd:
            return by_version(frame);
        case DLT_IPV4:
            return Link::ipv4;
        case DLT_IPV6:
            return Link::ipv6;
        case DLT_NULL:
        case DLT_LOOP:
            return strip_bsd_loopback(frame);
        default:
            return Link::not_ip;
    }
}

}  // namespace sniffer
