// TCP's header (RFC 9293 section 3.1).
#pragma once

#include "ip_header.h"

namespace sniffer {

// Fills all of `out` but its time.
Verdict parse_tcp(const IpPacket& packet, Segment& out);

}  // namespace sniffer
