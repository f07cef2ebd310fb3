// A captured packet as timing sees it: who sent how much when, and whether it begins an HTTP message.
#pragma once

#include <string_view>

#include "decode.h"

namespace sniffer {

constexpr uint8_t kTcpProtocol = 6, kUdpProtocol = 17;

// Points into the packet (or the fragment buffer): valid until the next one.
struct TimingPacket {
    Endpoint source, destination;
    Nanos time = 0;
    uint32_t seq = 0;     // TCP
    uint32_t length = 0;  // payload bytes on the wire
    uint8_t flags = 0;    // TCP
    uint8_t protocol = 0;
    std::string_view payload;  // what was captured of it
};

// Fills `out` for TCP segments (Verdict::tcp), and for UDP datagrams, whose verdict is not_tcp: then
// `out.protocol` is kUdpProtocol, else 0. Of a fragmented UDP datagram the first fragment stands for
// all of it.
Verdict decode_timing(Decoder& decoder, const pcap_pkthdr& header, const uint8_t* packet, Nanos time,
                      TimingPacket& out);

// The method and target of an HTTP/1 request that begins here, or empty.
struct RequestStart {
    std::string_view method, target;
};
RequestStart request_start(std::string_view payload);

// The status of an HTTP/1 response that begins here, past interim ones; 0: none begins here.
// `interim`: nothing but interim responses stands here.
struct ResponseStart {
    uint16_t status = 0;
    bool interim = false;
};
ResponseStart response_start(std::string_view payload);

}  // namespace sniffer
