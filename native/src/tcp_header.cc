#include "tcp_header.h"

#include <arpa/inet.h>

#include "checksum.h"

namespace sniffer {
namespace {

constexpr uint32_t kTcpHeader = 20;
constexpr uint32_t kChecksumAt = 16;

// RFC 7323 section 2.2; the header's options are all that `options` holds.
int8_t window_scale(Cursor options) {
    constexpr uint8_t kEnd = 0, kPadding = 1, kWindowScale = 3, kMaxScale = 14;
    while (options.captured() > 0) {
        const uint8_t kind = options.u8(0), size = options.u8(1);
        if (kind == kEnd) break;
        if (kind == kWindowScale && size == 3 && options.captured() >= 3)
            return static_cast<int8_t>(std::min(options.u8(2), kMaxScale));
        if (kind != kPadding && size < 2) break;
        if (!options.skip(kind == kPadding ? 1 : size)) break;
    }
    return -1;
}

// RFC 9293 section 3.1 and, for IPv6, RFC 8200 section 8.1. One sum serves both: the prefix
// ::ffff of a mapped address adds 0xffff, which is zero in ones-complement.
Checksum verify(const IpPacket& packet) {
    const Cursor& segment = packet.payload;
    if (segment.cut() || packet.routed) return Checksum::unknown;
    uint64_t sum = checksum_sum16(packet.source.bytes.data());
    sum = checksum_add(sum, checksum_sum16(packet.destination.bytes.data()));
    sum = checksum_add(sum, uint64_t{htonl(segment.captured())} + htons(IPPROTO_TCP));
    const uint64_t all = checksum_add(sum, checksum_sum(segment.data(), segment.captured()));
    if (checksum_fold(all) == 0xffff) return Checksum::valid;
    uint16_t written;
    std::memcpy(&written, segment.data() + kChecksumAt, sizeof written);
    return written == checksum_fold(sum) ? Checksum::unfinished : Checksum::invalid;
}

}  // namespace

Verdict parse_tcp(const IpPacket& packet, Segment& out) {
    Cursor payload = packet.payload;
    if (payload.captured() < kTcpHeader) return Verdict::malformed;
    const uint32_t header_size = (payload.u8(12) >> 4) * 4u;
    if (header_size < kTcpHeader || header_size > payload.captured()) return Verdict::malformed;
    out.source = {packet.source, payload.u16(0)};
    out.destination = {packet.destination, payload.u16(2)};
    out.seq = payload.u32(4);
    out.ack = payload.u32(8);
    out.flags = payload.u8(13);
    out.window = payload.u16(14);
    out.window_scale = -1;
    if (out.has(kSyn)) {
        Cursor options = payload;
        options.limit(header_size);
        options.skip(kTcpHeader);
        out.window_scale = window_scale(options);
    }
    out.checksum = verify(packet);
    payload.skip(header_size);
    out.data = payload.data();
    out.captured = payload.captured();
    out.length = payload.wire();
    return Verdict::tcp;
}

}  // namespace sniffer
