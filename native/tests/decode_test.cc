// Link and network layers: whatever a segment comes wrapped in, it comes out the same.
#include "decode.h"

#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <memory>
#include <ostream>

#include "checksum.h"
#include "packets.h"

namespace sniffer {
namespace {

using namespace test;

constexpr int kRawOpenBsd = 14;

// Decodes a packet from memory of exactly its size, so that a read beyond it is seen.
struct Decoded {
    explicit Decoded(int link_type, const Bytes& bytes, uint32_t wire = 0) : copy(new uint8_t[bytes.size()]) {
        std::memcpy(copy.get(), bytes.data(), bytes.size());
        pcap_pkthdr header{};
        header.caplen = static_cast<uint32_t>(bytes.size());
        header.len = wire ? wire : header.caplen;
        verdict = Decoder(link_type).decode(header, copy.get(), 5, segment);
    }
    std::string data() const { return {reinterpret_cast<const char*>(segment.data), segment.captured}; }
    std::unique_ptr<uint8_t[]> copy;
    Segment segment;
    Verdict verdict;
};

// Raw IP, which most cases need no more than.
Decoded raw(const Bytes& packet, uint32_t wire = 0) { return Decoded(DLT_RAW, packet, wire); }

const Bytes kIpv4 = Ipv4().bytes(Tcp().v4());
const Bytes kIpv6 = Ipv6().bytes(Tcp().v6());

void expect_hello(const Decoded& decoded) {
    ASSERT_EQ(decoded.verdict, Verdict::tcp);
    EXPECT_EQ(decoded.data(), "hello");
    EXPECT_EQ(decoded.segment.length, 5u);
    EXPECT_EQ(decoded.segment.checksum, Checksum::valid);
}

TEST(Decode, EveryFieldOfASegment) {
    const Decoded decoded = raw(kIpv4);
    expect_hello(decoded);
    EXPECT_EQ(to_string(decoded.segment.source), "10.0.0.2:40000");
    EXPECT_EQ(to_string(decoded.segment.destination), "10.0.0.1:8080");
    EXPECT_EQ(decoded.segment.seq, 1000u);
    EXPECT_EQ(decoded.segment.ack, 2000u);
    EXPECT_EQ(decoded.segment.flags, kPsh | kAck);
    EXPECT_EQ(decoded.segment.window, 512);
    EXPECT_EQ(decoded.segment.window_scale, -1);
    EXPECT_EQ(decoded.segment.time, 5);
    EXPECT_EQ(to_string(raw(kIpv6).segment.source), "[2001:db8::2]:40000");
}

struct LinkCase {
    const char* name;
    int link_type;
    Bytes frame;
};
void PrintTo(const LinkCase& link, std::ostream* out) { *out << link.name; }

class Links : public testing::TestWithParam<LinkCase> {};
TEST_P(Links, HandOverTheirSegment) { expect_hello(Decoded(GetParam().link_type, GetParam().frame)); }

INSTANTIATE_TEST_SUITE_P(
    Decode, Links,
    testing::Values(
        LinkCase{"Ethernet", DLT_EN10MB, ethernet(0x0800, kIpv4)},
        LinkCase{"Ethernet, IPv6", DLT_EN10MB, ethernet(0x86dd, kIpv6)},
        LinkCase{"Ethernet padding is no payload", DLT_EN10MB, ethernet(0x0800, kIpv4) + "padded"},
        LinkCase{"VLAN", DLT_EN10MB, ethernet(0x8100, vlan_tag(0x0800) + kIpv4)},
        LinkCase{"802.1ad", DLT_EN10MB, ethernet(0x88a8, vlan_tag(0x8100) + vlan_tag(0x86dd) + kIpv6)},
        LinkCase{"old QinQ", DLT_EN10MB, ethernet(0x9100, vlan_tag(0x8100) + vlan_tag(0x0800) + kIpv4)},
        LinkCase{"four tags", DLT_EN10MB,
                 ethernet(0x8100, vlan_tag(0x8100) + vlan_tag(0x8100) + vlan_tag(0x8100) + vlan_tag(0x0800) + kIpv4)},
        LinkCase{"cooked", DLT_LINUX_SLL, cooked_v1(0x0800, kIpv4)},
        LinkCase{"cooked, VLAN", DLT_LINUX_SLL, cooked_v1(0x8100, vlan_tag(0x0800) + kIpv4)},
        LinkCase{"cooked v2", DLT_LINUX_SLL2, cooked_v2(0x86dd, kIpv6)},
        LinkCase{"cooked v2, outgoing, not on lo", DLT_LINUX_SLL2, cooked_v2(0x0800, kIpv4, 4, 1)},
        LinkCase{"cooked v2, incoming on lo", DLT_LINUX_SLL2, cooked_v2(0x0800, kIpv4, 0, 772)},
        LinkCase{"raw IPv4", DLT_RAW, kIpv4}, LinkCase{"raw IPv6", DLT_RAW, kIpv6},
        LinkCase{"raw, OpenBSD's number", kRawOpenBsd, kIpv6}, LinkCase{"IPv4 alone", DLT_IPV4, kIpv4},
        LinkCase{"IPv6 alone", DLT_IPV6, kIpv6}, LinkCase{"loopback, big-endian", DLT_NULL, number(2, 4) + kIpv4},
        LinkCase{"loopback, little-endian", DLT_NULL, number(0x02000000, 4) + kIpv4},
        LinkCase{"loopback of macOS, IPv6", DLT_NULL, number(0x1e000000, 4) + kIpv6},
        LinkCase{"loopback of FreeBSD, IPv6", DLT_NULL, number(0x1c000000, 4) + kIpv6},
        LinkCase{"loopback of OpenBSD", DLT_LOOP, number(24, 4) + kIpv6}));

// Ordinary frames have a way of their own: it reads them as the general one does, which raw IP takes.
TEST(Decode, OrdinaryFramesAreReadAsAllOthers) {
    const Bytes frame = ethernet(0x0800, Ipv4().bytes(Tcp().v4()) + zeros(3));
    const auto expect_same = [](const Bytes& bytes, uint32_t wire) {
        const Decoded one(DLT_EN10MB, bytes, wire), other(DLT_RAW, bytes.substr(14), wire - 14);
        ASSERT_EQ(one.verdict, other.verdict);
        if (one.verdict != Verdict::tcp) return;
        EXPECT_EQ(one.segment.source, other.segment.source);
        EXPECT_EQ(one.segment.destination, other.segment.destination);
        EXPECT_EQ(one.segment.seq, other.segment.seq);
        EXPECT_EQ(one.segment.checksum, other.segment.checksum);
        EXPECT_EQ(one.segment.captured, other.segment.captured);
        EXPECT_EQ(one.segment.length, other.segment.length);
        EXPECT_EQ(one.data(), other.data());
    };
    for (size_t at = 14; at < frame.size(); ++at) {
        expect_same(frame.substr(0, at + 1), static_cast<uint32_t>(at + 1));        // a short frame
        expect_same(frame.substr(0, at + 1), static_cast<uint32_t>(frame.size()));  // one that was cut
        for (int bit = 0; bit < 8; ++bit) {
            Bytes changed = frame;
            changed[at] = static_cast<char>(changed[at] ^ 1 << bit);
            if (static_cast<uint8_t>(changed[14]) >> 4 == 4)
                expect_same(changed, static_cast<uint32_t>(changed.size()));
        }
    }
}

TEST(Decode, OtherThingsOnTheLink) {
    EXPECT_EQ(Decoded(DLT_EN10MB, ethernet(0x0806, zeros(28))).verdict, Verdict::not_ip);  // ARP
    EXPECT_EQ(Decoded(DLT_EN10MB, ethernet(38, zeros(38))).verdict, Verdict::not_ip);      // 802.3: a length
    EXPECT_EQ(Decoded(DLT_NULL, number(7, 4) + kIpv4).verdict, Verdict::not_ip);
    EXPECT_EQ(raw("\x50" + zeros(40)).verdict, Verdict::not_ip);  // IP version 5
    EXPECT_EQ(raw(Ipv4{.protocol = 17}.bytes(zeros(8))).verdict, Verdict::not_tcp);
    EXPECT_EQ(raw(Ipv6{.next = 58}.bytes(zeros(8))).verdict, Verdict::not_tcp);
    EXPECT_EQ(raw(Ipv6{.next = 59}.bytes("")).verdict, Verdict::not_tcp);  // no next header
}

TEST(Decode, OutgoingCopiesOfLoopbackAreNamed) {
    EXPECT_EQ(Decoded(DLT_LINUX_SLL2, cooked_v2(0x0800, kIpv4, 4, 772)).verdict, Verdict::loopback_copy);
    EXPECT_EQ(Decoded(DLT_LINUX_SLL, cooked_v1(0x0800, kIpv4, 4, 772)).verdict, Verdict::loopback_copy);
}

// Every prefix of a packet, as a whole packet: no byte beyond is read (the sanitizer would see it),
// and none makes a segment.
TEST(Decode, EveryPrefixIsMalformed) {
    const Bytes hop = number(6, 1) + zeros(1) + "\x01\x04" + zeros(4);
    const Bytes options = Ipv4{.options = zeros(8)}.bytes(Tcp{.flags = kSyn, .options = "\x03\x03\x07"}.v4());
    for (const LinkCase& link :
         {LinkCase{"", DLT_EN10MB, ethernet(0x8100, vlan_tag(0x0800) + options)},
          LinkCase{"", DLT_LINUX_SLL2, cooked_v2(0x86dd, Ipv6{.next = 0}.bytes(hop + Tcp().v6()))},
          LinkCase{"", DLT_NULL, number(2, 4) + kIpv4}, LinkCase{"", DLT_RAW, kIpv6}}) {
        for (size_t size = 0; size < link.frame.size(); ++size)
            EXPECT_EQ(Decoded(link.link_type, link.frame.substr(0, size)).verdict, Verdict::malformed) << size;
        expect_hello(Decoded(link.link_type, link.frame));
    }
}

TEST(Decode, LengthsThatContradictEachOther) {
    EXPECT_EQ(raw(Ipv4{.total_length = 19}.bytes(Tcp().v4())).verdict, Verdict::malformed);
    EXPECT_EQ(raw(Ipv4{.total_length = 46}.bytes(Tcp().v4())).verdict, Verdict::malformed);  // one too many
    EXPECT_EQ(raw(Ipv4{.total_length = 39}.bytes(Tcp().v4())).verdict, Verdict::malformed);  // cuts TCP's header
    EXPECT_EQ(raw(Ipv6{.payload_length = 26}.bytes(Tcp().v6())).verdict, Verdict::malformed);
    Bytes header_length_4 = kIpv4;
    header_length_4[0] = '\x44';
    EXPECT_EQ(raw(header_length_4).verdict, Verdict::malformed);
    for (const char offset : {'\x40', '\xf0'}) {  // TCP's header: 16 bytes; 60 of 25
        Bytes packet = kIpv4;
        packet[32] = offset;
        EXPECT_EQ(raw(packet).verdict, Verdict::malformed);
    }
    EXPECT_EQ(Decoded(DLT_EN10MB, ethernet(0x0800, kIpv6)).verdict, Verdict::malformed);  // the version is another
}

// RFC 791 section 3.1; total length 0 is what segmentation offload leaves.
TEST(Decode, Ipv4) {
    expect_hello(raw(Ipv4{.options = zeros(40)}.bytes(Tcp().v4())));
    const Bytes big(100'000, 'x');
    const Decoded jumbo = raw(Ipv4{.total_length = 0}.bytes(Tcp{.data = big}.v4()));
    EXPECT_EQ(jumbo.verdict, Verdict::tcp);
    EXPECT_EQ(jumbo.data(), big);
    EXPECT_EQ(jumbo.segment.checksum, Checksum::valid);
}

struct ExtensionCase {
    const char* name;
    uint8_t first;
    Bytes chain;
};

TEST(Decode, Ipv6ExtensionHeaders) {
    const Bytes none = zeros(6);
    for (const ExtensionCase& test :
         {ExtensionCase{"hop-by-hop", 0, number(6, 1) + zeros(1) + none},
          ExtensionCase{"destination options of 16 bytes", 60, number(6, 1) + number(1, 1) + zeros(14)},
          ExtensionCase{"routing, no hops left", 43, number(6, 1) + number(2, 1) + "\x04" + zeros(21)},
          ExtensionCase{"AH, in words of 4 bytes", 51, number(6, 1) + number(4, 1) + zeros(22)},
          ExtensionCase{"an atomic fragment", 44, number(6, 1) + zeros(7)},
          ExtensionCase{"four in a row", 0,
                        number(43, 1) + zeros(1) + none + number(60, 1) + zeros(7) + number(44, 1) + zeros(1) + none +
                            number(6, 1) + zeros(7)}}) {
        SCOPED_TRACE(test.name);
        expect_hello(raw(Ipv6{.next = test.first}.bytes(test.chain + Tcp().v6())));
    }
    // With hops left the checksum's destination stands in the routing header (RFC 8200 section 8.1).
    const Decoded routed =
        raw(Ipv6{.next = 43}.bytes(number(6, 1) + number(2, 1) + "\x04\x01" + zeros(20) + Tcp().v6()));
    EXPECT_EQ(routed.verdict, Verdict::tcp);
    EXPECT_EQ(routed.segment.checksum, Checksum::unknown);
    EXPECT_EQ(raw(Ipv6{.next = 60}.bytes(number(6, 1) + number(9, 1) + zeros(6) + Tcp().v6())).verdict,
              Verdict::malformed);
}

// RFC 2675: payload length 0, the real one in an option.
TEST(Decode, Ipv6Jumbo) {
    const Bytes big(100'000, 'x');
    const Bytes segment = Tcp{.data = big}.v6();
    const Bytes hop = number(6, 1) + zeros(1) + "\xc2\x04" + number(8 + segment.size(), 4);
    const Decoded jumbo = raw(Ipv6{.next = 0, .payload_length = 0}.bytes(hop + segment + "padding"));
    EXPECT_EQ(jumbo.verdict, Verdict::tcp);
    EXPECT_EQ(jumbo.data(), big);
    EXPECT_EQ(jumbo.segment.checksum, Checksum::valid);

    const Bytes padded_hop = number(6, 1) + number(1, 1) + zeros(1) + "\x01\x01" + zeros(1) + "\xc2\x04" +
                             number(16 + segment.size(), 4) + "\x01\x02" + zeros(2);
    EXPECT_EQ(raw(Ipv6{.next = 0, .payload_length = 0}.bytes(padded_hop + segment + "padding")).data(), big);

    // Linux without the option: the frame tells the length.
    EXPECT_EQ(raw(Ipv6{.payload_length = 0}.bytes(segment)).data(), big);
    const Bytes too_long = number(6, 1) + zeros(1) + "\xc2\x04" + number(9 + segment.size(), 4);
    EXPECT_EQ(raw(Ipv6{.next = 0, .payload_length = 0}.bytes(too_long + segment)).verdict, Verdict::malformed);
}

TEST(Decode, CutBySnapLength) {
    const Bytes frame = Ipv4().bytes(Tcp{.data = "hello world"}.v4());
    const auto wire = static_cast<uint32_t>(frame.size());
    const Decoded cut = raw(frame.substr(0, wire - 6), wire);
    EXPECT_EQ(cut.verdict, Verdict::tcp);
    EXPECT_EQ(cut.data(), "hello");
    EXPECT_EQ(cut.segment.length, 11u);
    EXPECT_EQ(cut.segment.checksum, Checksum::unknown);
    EXPECT_EQ(raw(frame.substr(0, 39), wire).verdict, Verdict::malformed);  // within TCP's header
    // Padding was cut, nothing else.
    EXPECT_EQ(raw(frame, wire + 6).segment.checksum, Checksum::valid);
}

int8_t scale_of(const Bytes& options, uint8_t flags = kSyn) {
    const Decoded decoded = raw(Ipv4().bytes(Tcp{.flags = flags, .options = options, .data = ""}.v4()));
    EXPECT_EQ(decoded.verdict, Verdict::tcp);
    return decoded.segment.window_scale;
}

// RFC 7323 section 2.
TEST(Decode, WindowScale) {
    EXPECT_EQ(scale_of("\x02\x04\x05\xb4\x01\x03\x03\x07"), 7);
    EXPECT_EQ(scale_of(Bytes("\x03\x03\0", 3)), 0);
    EXPECT_EQ(scale_of("\x03\x03\x7f"), 14);              // at most 14
    EXPECT_EQ(scale_of("\x03\x03\x07", kAck), -1);        // of a SYN only
    EXPECT_EQ(scale_of(Bytes("\0\x03\x03\x07", 4)), -1);  // behind the end of options
    EXPECT_EQ(scale_of(Bytes("\x08\0\x03\x03\x07", 5)), -1);
    EXPECT_EQ(scale_of("\x08\x0a\x03\x03"), -1);  // an option longer than the header
    EXPECT_EQ(scale_of("\x01\x01\x03\x03"), -1);  // its value is not there
    EXPECT_EQ(scale_of(""), -1);
}

TEST(Decode, Checksums) {
    for (const int adrift : {1, 255, 256}) {
        EXPECT_EQ(raw(Ipv4().bytes(Tcp().bytes(kClient4, kServer4, adrift))).segment.checksum, Checksum::invalid);
        EXPECT_EQ(raw(Ipv6().bytes(Tcp().bytes(kClient6, kServer6, adrift))).segment.checksum, Checksum::invalid);
    }
}

// Every size and alignment against the obvious way.
TEST(ChecksumSum, IsThatOfRfc1071) {
    Bytes bytes;
    for (unsigned i = 0; i < 700; ++i) bytes += static_cast<char>(i % 3 ? 0xff : i * 37);
    for (size_t from = 0; from < 8; ++from) {
        for (size_t size = 0; from + size <= bytes.size(); ++size) {
            const Bytes part = bytes.substr(from, size);
            const uint64_t sum = checksum_sum(reinterpret_cast<const uint8_t*>(bytes.data()) + from, size);
            const auto expected = static_cast<uint16_t>(~internet_checksum(part));
            ASSERT_EQ(__builtin_bswap16(checksum_fold(sum)), expected) << from << " " << size;
        }
    }
    const Bytes ones(4096, '\xff');  // every carry there is
    EXPECT_EQ(checksum_fold(checksum_sum(reinterpret_cast<const uint8_t*>(ones.data()), ones.size())), 0xffff);
}

}  // namespace
}  // namespace sniffer
