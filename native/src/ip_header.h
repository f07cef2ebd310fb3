// The network layer: IPv4 (RFC 791) and IPv6 (RFC 8200) headers up to TCP's.
#pragma once

#include <cstdint>

#include "cursor.h"
#include "decode.h"

namespace sniffer {

struct IpPacket {
    Address source, destination;
    Cursor payload;
    uint8_t protocol = 0;  // of the payload
    // A routing header has hops left: the checksum was made for a destination that stands there.
    bool routed = false;
    // With Verdict::fragment: the payload's place in its datagram.
    uint32_t fragment_id = 0, fragment_offset = 0;
    bool more_fragments = false;
};

// Verdict::tcp: the payload is a TCP segment. Verdict::fragment: a part of one.
Verdict parse_ipv4(Cursor packet, IpPacket& out);
Verdict parse_ipv6(Cursor packet, IpPacket& out);

// Moves an IPv6 payload past its extension headers.
Verdict skip_extensions(IpPacket& packet);

}  // namespace sniffer
