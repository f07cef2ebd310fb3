#include "timing_packet.h"

#include <pcap/pcap.h>

#include "http_head.h"
#include "ip_header.h"

namespace sniffer {
namespace {

constexpr uint32_t kTcpHeader = 20, kUdpHeader = 8;

void take_payload(const Cursor& payload, TimingPacket& out) {
    out.payload = {reinterpret_cast<const char*>(payload.data()), payload.captured()};
    out.length = payload.wire();
}

// RFC 9293 section 3.1. Options cut off by the snap length lose nothing here.
Verdict parse_segment(const IpPacket& ip, TimingPacket& out) {
    Cursor segment = ip.payload;
    const uint32_t header_size = (segment.u8(12) >> 4) * 4u;
    if (segment.captured() < kTcpHeader || header_size < kTcpHeader || header_size > segment.wire())
        return Verdict::malformed;
    out.source = {ip.source, segment.u16(0)};
    out.destination = {ip.destination, segment.u16(2)};
    out.seq = segment.u32(4);
    out.flags = segment.u8(13);
    out.protocol = kTcpProtocol;
    if (segment.skip(header_size)) {
        take_payload(segment, out);
    } else {
        out.payload = {};
        out.length = segment.wire() - header_size;
    }
    return Verdict::tcp;
}

// RFC 768; its length counts the header, and all fragments.
Verdict parse_datagram(const IpPacket& ip, TimingPacket& out) {
    Cursor datagram = ip.payload;
    const uint32_t length = datagram.u16(4);
    if (datagram.captured() < kUdpHeader || (length != 0 && length < kUdpHeader)) return Verdict::malformed;
    out.source = {ip.source, datagram.u16(0)};
    out.destination = {ip.destination, datagram.u16(2)};
    out.seq = 0;
    out.flags = 0;
    out.protocol = kUdpProtocol;
    datagram.skip(kUdpHeader);
    take_payload(datagram, out);
    if (length != 0) out.length = length - kUdpHeader;  // 0: a jumbogram, RFC 2675 section 4
    return Verdict::not_tcp;
}

bool interim(int status) { return status >= 100 && status < 200 && status != 101; }

// A start line that the segment or the snap length cuts: what is there of the target.
RequestStart cut_request(std::string_view line) {
    const size_t space = line.find(' ');
    if (space < 3 || !starts_in_capitals(line) || line.substr(space + 1, 1) != "/") return {};
    const std::string_view target = line.substr(space + 1);
    return {line.substr(0, space), target.substr(0, target.find(' '))};
}

}  // namespace

Verdict decode_timing(Decoder& decoder, const pcap_pkthdr& header, const uint8_t* packet, Nanos time,
                      TimingPacket& out) {
    IpPacket ip;
    out.time = time;
    out.protocol = 0;
    const Verdict verdict = decoder.decode_ip(header, packet, time, ip);
    if (verdict == Verdict::tcp) return parse_segment(ip, out);
    if (verdict != Verdict::not_tcp || ip.protocol != kUdpProtocol) return verdict;
    return ip.fragment_offset == 0 ? parse_datagram(ip, out) : Verdict::fragment;
}

RequestStart request_start(std::string_view payload) {
    if (looks_like_request(payload) != Looks::yes) return {};
    if (payload.find('\n') == std::string_view::npos) return cut_request(payload);
    const ParsedHead parsed = parse_start_line(payload, true);
    if (!parsed.valid || !beyond_doubt(parsed)) return {};
    return {parsed.head.method, parsed.head.target};
}

ResponseStart response_start(std::string_view payload) {
    while (looks_like_response(payload) == Looks::yes) {
        const ParsedHead parsed = parse_start_line(payload, false);
        if (!parsed.valid || !beyond_doubt(parsed)) return {};
        if (!interim(parsed.head.status)) return {static_cast<uint16_t>(parsed.head.status), false};
        HeadScanner scanner;
        const size_t end = scanner.feed(payload.data(), payload.size());
        if (end == HeadScanner::npos || end == payload.size()) return {0, true};
        payload.remove_prefix(end);
    }
    return {};
}

}  // namespace sniffer
