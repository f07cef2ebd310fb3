#include "decode.h"

#include <pcap/pcap.h>

#include "ip_fragments.h"
#include "ip_header.h"
#include "link.h"
#include "tcp_header.h"

namespace sniffer {
namespace {

// Nearly every packet in one go: a frame that is here whole, without a tag, of IPv4 without options, with TCP in it.
// False where it is anything else: the general way reads that, and says what is wrong.
bool read_plain(Cursor frame, IpPacket& ip) {
    constexpr uint32_t kEthernet = 14, kIpv4 = 20, kTcp = 6, kFragmentBits = 0x3fff;
    if (frame.captured() < kEthernet + kIpv4 || frame.cut()) return false;
    if (frame.u16(12) != 0x0800 || frame.u8(14) != 0x45 || frame.u8(23) != kTcp) return false;
    const uint32_t length = frame.u16(16);
    if (length < kIpv4 || length > frame.captured() - kEthernet || frame.u16(20) & kFragmentBits) return false;
    ip.source = Address::v4(frame.data() + 26);
    ip.destination = Address::v4(frame.data() + 30);
    ip.payload = Cursor(frame.data() + kEthernet + kIpv4, length - kIpv4, length - kIpv4);
    ip.protocol = kTcp;
    return true;
}

}  // namespace

Decoder::Decoder(int link_type) : link_type_(link_type), fragments_(std::make_unique<FragmentTable>()) {}
Decoder::~Decoder() = default;
void Decoder::limit_fragments(size_t bytes) { fragments_->limit(bytes); }

bool Decoder::supports(int link_type) { return link_supported(link_type); }

void Decoder::set_link_type(int link_type) { link_type_ = link_type; }

Verdict Decoder::decode(const pcap_pkthdr& header, const uint8_t* packet, Nanos nanos, Segment& out) {
    out.time = nanos;
    IpPacket ip;
    if (link_type_ == DLT_EN10MB && read_plain(Cursor(packet, header.caplen, header.len), ip))
        return parse_tcp(ip, out);
    const Verdict verdict = decode_ip(header, packet, nanos, ip);
    return verdict == Verdict::tcp ? parse_tcp(ip, out) : verdict;
}

Verdict Decoder::decode_ip(const pcap_pkthdr& header, const uint8_t* packet, Nanos nanos, IpPacket& ip) {
    Cursor frame(packet, header.caplen, header.len);
    Verdict verdict = Verdict::not_ip;
    switch (strip_link(link_type_, frame)) {
        case Link::ipv4:
            verdict = parse_ipv4(frame, ip);
            break;
        case Link::ipv6:
            verdict = parse_ipv6(frame, ip);
            break;
        case Link::not_ip:
            return Verdict::not_ip;
        case Link::malformed:
            return Verdict::malformed;
        case Link::loopback_copy:
            return Verdict::loopback_copy;
    }
    return verdict == Verdict::fragment ? reassemble(ip, nanos) : verdict;
}

Verdict Decoder::reassemble(IpPacket& packet, Nanos nanos) {
    const Verdict verdict = fragments_->add(packet, nanos);
    if (verdict != Verdict::tcp) return verdict;
    // Extension headers may stand within the datagram too; a fragment in it may not.
    const Verdict inner = skip_extensions(packet);
    return inner == Verdict::fragment ? Verdict::malformed : inner;
}

}  // namespace sniffer
