// The link layer: from a captured frame to its IP header.
#pragma once

#include <cstdint>

#include "cursor.h"

namespace sniffer {

enum class Link : uint8_t { ipv4, ipv6, not_ip, malformed, loopback_copy };

bool link_supported(int link_type);  // libpcap's DLT_ value

// Moves `frame` to the network layer's header, past any VLAN tags.
Link strip_link(int link_type, Cursor& frame);

}  // namespace sniffer
