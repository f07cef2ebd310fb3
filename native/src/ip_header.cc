#include "ip_header.h"

namespace sniffer {
namespace {

enum Protocol : uint8_t {
    kHopByHop = 0,
    kTcp = 6,
    kRouting = 43,
    kFragment = 44,
    kAuthentication = 51,
    kDestinationOptions = 60,
    kMobility = 135,
    kHostIdentity = 139,
    kShim6 = 140,
};

// What follows the datagram in its frame, such as Ethernet's padding, is no part of it. A length
// beyond the frame is a lie, unless the snap length cut the frame.
bool limit_payload(Cursor& payload, uint32_t length) {
    if (length > payload.wire() && !payload.cut()) return false;
    payload.limit(length);
    return true;
}

// The jumbo payload option (RFC 2675 section 2) of a hop-by-hop header; 0 where there is none.
uint32_t jumbo_length(Cursor header) {
    constexpr uint8_t kPad1 = 0, kJumbo = 0xc2;
    header.limit(std::min(header.wire(), (header.u8(1) + 1u) * 8));
    header.skip(2);
    while (header.captured() > 0) {
        const uint8_t type = header.u8(0);
        if (type == kJumbo) return header.u32(2);
        if (!header.skip(type == kPad1 ? 1 : header.u8(1) + 2u)) break;
    }
    return 0;
}

bool is_extension(uint8_t protocol) {
    switch (protocol) {
        case kHopByHop:
        case kRouting:
        case kAuthentication:
        case kDestinationOptions:
        case kMobility:
        case kHostIdentity:
        case kShim6:
            return true;
        default:
            return false;
    }
}

// RFC 4302 section 2.2: AH counts in words of 4 bytes, less 2; the others in units of 8, less 1.
uint32_t extension_size(uint8_t protocol, const Cursor& header) {
    return protocol == kAuthentication ? (header.u8(1) + 2u) * 4 : (header.u8(1) + 1u) * 8;
}

// RFC 8200 section 4.5.
Verdict parse_fragment_header(IpPacket& packet) {
    Cursor& payload = packet.payload;
    const uint8_t next = payload.u8(0);
    const uint16_t place = payload.u16(2);
    packet.fragment_id = payload.u32(4);
    if (!payload.skip(8)) return Verdict::malformed;
    packet.protocol = next;
    packet.fragment_offset = place & 0xfff8;
    packet.more_fragments = place & 1;
    if (next != kTcp && !is_extension(next)) return Verdict::not_tcp;
    // An atomic fragment is a whole datagram (RFC 6946).
    if (packet.fragment_offset == 0 && !packet.more_fragments) return skip_extensions(packet);
    return Verdict::fragment;
}

}  // namespace

Verdict parse_ipv4(Cursor packet, IpPacket& out) {
    if (packet.captured() < 20 || packet.u8(0) >> 4 != 4) return Verdict::malformed;
    const uint32_t header_size = (packet.u8(0) & 15u) * 4;
    const uint32_t length = packet.u16(2);
    const uint16_t place = packet.u16(6);
    // Length 0: segmentation offload (BIG TCP); the frame tells the length.
    if (header_size < 20 || (length != 0 && length < header_size)) return Verdict::malformed;
    if (length != 0 && !limit_payload(packet, length)) return Verdict::malformed;
    out.protocol = packet.u8(9);
    out.source = Address::v4(packet.data() + 12);
    out.destination = Address::v4(packet.data() + 16);
    out.fragment_id = packet.u16(4);
    if (!packet.skip(header_size)) return Verdict::malformed;
    out.payload = packet;
    out.fragment_offset = (place & 0x1fffu) * 8;
    out.more_fragments = place & 0x2000;
    if (out.protocol != kTcp) return Verdict::not_tcp;
    return place & 0x3fff ? Verdict::fragment : Verdict::tcp;
}

Verdict parse_ipv6(Cursor packet, IpPacket& out) {
    if (packet.captured() < 40 || packet.u8(0) >> 4 != 6) return Verdict::malformed;
    uint32_t length = packet.u16(4);
    out.protocol = packet.u8(6);
    out.source = Address::v6(packet.data() + 8);
    out.destination = Address::v6(packet.data() + 24);
    packet.skip(40);
    if (length == 0 && out.protocol == kHopByHop) length = jumbo_length(packet);
    // Length 0 without the option: segmentation offload, as in IPv4.
    if (length != 0 && !limit_payload(packet, length)) return Verdict::malformed;
    out.payload = packet;
    return skip_extensions(out);
}

Verdict skip_extensions(IpPacket& packet) {
    while (is_extension(packet.protocol)) {
        Cursor& payload = packet.payload;
        if (packet.protocol == kRouting && payload.u8(3) != 0) packet.routed = true;
        const uint8_t next = payload.u8(0);
        // At least 8 bytes each, so this ends.
        if (!payload.skip(extension_size(packet.protocol, payload))) return Verdict::malformed;
        packet.protocol = next;
    }
    if (packet.protocol == kFragment) return parse_fragment_header(packet);
    return packet.protocol == kTcp ? Verdict::tcp : Verdict::not_tcp;
}

}  // namespace sniffer
