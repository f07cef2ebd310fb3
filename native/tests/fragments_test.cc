// Datagrams from fragments, and the bounds of what is kept.
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <algorithm>

#include "ip_fragments.h"
#include "packets.h"

namespace sniffer {
namespace {

using namespace test;

struct Fragment {
    uint32_t offset;
    Bytes bytes;
    bool more;
    uint32_t id = 1;
};

struct Table {
    Verdict add(const Fragment& fragment, Nanos now = 0) {
        packet = {};
        packet.source = Address::v4(reinterpret_cast<const uint8_t*>(kClient4.data()));
        packet.destination = Address::v4(reinterpret_cast<const uint8_t*>(kServer4.data()));
        packet.protocol = 6;
        packet.fragment_id = fragment.id;
        packet.fragment_offset = fragment.offset;
        packet.more_fragments = fragment.more;
        const auto size = static_cast<uint32_t>(fragment.bytes.size());
        packet.payload = Cursor(reinterpret_cast<const uint8_t*>(fragment.bytes.data()), size, size);
        return table.add(packet, now);
    }
    Bytes whole() const { return {reinterpret_cast<const char*>(packet.payload.data()), packet.payload.captured()}; }
    FragmentTable table;
    IpPacket packet;
};

const Fragment kFirst{0, "01234567", true}, kMiddle{8, "89abcdef", true}, kLast{16, "xyz", false};
const Bytes kWhole = "0123456789abcdefxyz";

TEST(Fragments, InEveryOrder) {
    std::vector<int> order{0, 1, 2};
    const Fragment fragments[] = {kFirst, kMiddle, kLast};
    do {
        Table table;
        EXPECT_EQ(table.add(fragments[order[0]]), Verdict::fragment);
        EXPECT_EQ(table.add(fragments[order[1]]), Verdict::fragment);
        EXPECT_EQ(table.add(fragments[order[2]]), Verdict::tcp);
        EXPECT_EQ(table.whole(), kWhole);
        EXPECT_EQ(table.table.datagrams(), 0u);
        EXPECT_EQ(table.table.bytes(), 0u);
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Fragments, EqualOverlapsAreHarmless) {
    Table table;
    table.add(kFirst);
    EXPECT_EQ(table.add(kFirst), Verdict::fragment);
    EXPECT_EQ(table.add({0, "0123456789abcdef", true}), Verdict::fragment);
    EXPECT_EQ(table.add(kMiddle), Verdict::fragment);
    EXPECT_EQ(table.add(kLast), Verdict::tcp);
    EXPECT_EQ(table.whole(), kWhole);
}

TEST(Fragments, OneMayFillSeveralHoles) {
    Table table;
    table.add(kMiddle);
    table.add({32, "end", false});
    EXPECT_EQ(table.add({0, kWhole.substr(0, 16) + "0123456789abcdef", true}), Verdict::tcp);
    EXPECT_EQ(table.whole(), kWhole.substr(0, 16) + "0123456789abcdefend");
}

// Each contradiction ends the datagram, and its later fragments start no new one.
TEST(Fragments, ContradictionsAreGivenUp) {
    const std::pair<Fragment, Fragment> cases[] = {
        {kFirst, {0, "0123456X", true}},                   // other bytes
        {kFirst, {0, "012", false}},                       // an end before what is there
        {kLast, {16, "xyzu", false}},                      // two ends
        {kLast, {24, "01234567", true}},                   // beyond the end
        {{8, "89abcdef", true}, {0, "012345678", false}},  // overlaps, and ends too soon
    };
    for (const auto& [first, second] : cases) {
        Table table;
        EXPECT_EQ(table.add(first), Verdict::fragment);
        EXPECT_EQ(table.add(second), Verdict::fragment_lost);
        EXPECT_EQ(table.add(kFirst), Verdict::fragment_lost);
        EXPECT_EQ(table.add(kMiddle), Verdict::fragment_lost);
        EXPECT_EQ(table.add(kLast), Verdict::fragment_lost);
        EXPECT_EQ(table.table.bytes(), 0u);
    }
}

TEST(Fragments, ImpossibleOnesAreMalformed) {
    Table table;
    EXPECT_EQ(table.add({0, "", true}), Verdict::malformed);
    EXPECT_EQ(table.add({0, "0123456", true}), Verdict::malformed);        // not the last, not a multiple of 8
    EXPECT_EQ(table.add({65528, "01234567", false}), Verdict::malformed);  // RFC 791: 65,535 bytes at most
    EXPECT_EQ(table.table.datagrams(), 0u);
    EXPECT_EQ(table.add({65528, "0123456", false}), Verdict::fragment);
}

TEST(Fragments, CutBySnapLengthIsLost) {
    Table table;
    table.add(kFirst);
    IpPacket cut = table.packet;
    cut.payload = Cursor(reinterpret_cast<const uint8_t*>("89ab"), 4, 8);
    cut.fragment_offset = 8;
    EXPECT_EQ(table.table.add(cut, 0), Verdict::fragment_lost);
    EXPECT_EQ(table.add(kLast), Verdict::fragment_lost);
}

TEST(Fragments, AreForgottenAfter30Seconds) {
    Table table;
    table.add(kFirst, 0);
    table.add(kMiddle, 30 * kSecond);
    EXPECT_EQ(table.table.datagrams(), 1u);
    EXPECT_EQ(table.add(kLast, 30 * kSecond + 1), Verdict::fragment);
    EXPECT_EQ(table.table.datagrams(), 1u);  // a new one, of which only the last is there
    EXPECT_EQ(table.add(kFirst, 31 * kSecond), Verdict::fragment);
    EXPECT_EQ(table.add(kMiddle, 31 * kSecond), Verdict::tcp);
}

TEST(Fragments, TheOldestDatagramMakesRoom) {
    Table table;
    for (uint32_t id = 0; id <= FragmentTable::kMaxDatagrams; ++id) table.add({0, "01234567", true, id});
    EXPECT_EQ(table.table.datagrams(), FragmentTable::kMaxDatagrams);
    EXPECT_EQ(table.add({8, "x", false, 1}), Verdict::tcp);       // the second is still there
    EXPECT_EQ(table.add({8, "x", false, 0}), Verdict::fragment);  // the first is not
}

// One byte at the far end costs as much as all of the datagram.
TEST(Fragments, MemoryIsBounded) {
    Table table;
    for (uint32_t id = 0; id < 500; ++id) {
        table.add({65528, "end", false, id});
        EXPECT_LE(table.table.bytes(), FragmentTable::kMaxBytes);
    }
    EXPECT_GE(table.table.datagrams(), 60u);
    table.table.limit(1 << 20);
    table.add({65528, "end", false, 500});
    EXPECT_LE(table.table.bytes(), 1u << 20);
}

// What was given up is not counted twice when it is forgotten.
TEST(Fragments, MemoryOfTheGivenUpIsFreedOnce) {
    Table table;
    table.add(kFirst);
    EXPECT_EQ(table.add({0, "0123456X", true}), Verdict::fragment_lost);
    EXPECT_EQ(table.table.bytes(), 0u);
    EXPECT_EQ(table.add({0, "01234567", true, 2}, FragmentTable::kMaxAge + 1), Verdict::fragment);
    EXPECT_EQ(table.table.datagrams(), 1u);
    EXPECT_EQ(table.table.bytes(), 8u);
}

TEST(Fragments, ManySmallOnesBackwards) {
    Table table;
    Bytes whole;
    for (int i = 0; i < 8000; ++i) whole += static_cast<char>(i * 7);
    Verdict verdict = Verdict::malformed;
    for (uint32_t at = 8000; at > 0; at -= 8) verdict = table.add({at - 8, whole.substr(at - 8, 8), at < 8000});
    EXPECT_EQ(verdict, Verdict::tcp);
    EXPECT_EQ(table.whole(), whole);
}

// Through the decoder: headers and all.
Verdict decode(Decoder& decoder, const Bytes& packet, Segment& segment) {
    pcap_pkthdr header{};
    header.caplen = header.len = static_cast<uint32_t>(packet.size());
    return decoder.decode(header, reinterpret_cast<const uint8_t*>(packet.data()), 0, segment);
}

TEST(Fragments, OfIpv4) {
    Decoder decoder(DLT_RAW);
    Segment segment;
    const Bytes tcp = Tcp{.data = "0123456789"}.v4();  // 30 bytes
    EXPECT_EQ(decode(decoder, Ipv4{.fragment = 0x2000}.bytes(tcp.substr(0, 16)), segment), Verdict::fragment);
    // Another datagram's, and one that is no TCP.
    EXPECT_EQ(decode(decoder, Ipv4{.id = 2, .fragment = 2}.bytes(tcp.substr(16)), segment), Verdict::fragment);
    EXPECT_EQ(decode(decoder, Ipv4{.protocol = 17, .fragment = 2}.bytes(tcp.substr(16)), segment), Verdict::not_tcp);
    EXPECT_EQ(decode(decoder, Ipv4{.fragment = 2}.bytes(tcp.substr(16)), segment), Verdict::tcp);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(segment.data), segment.captured), "0123456789");
    EXPECT_EQ(segment.checksum, Checksum::valid);
}

Bytes ipv6_fragment(uint8_t next, uint32_t offset, bool more, const Bytes& part) {
    return Ipv6{.next = 44}.bytes(number(next, 1) + zeros(1) + number(offset | more, 2) + number(99, 4) + part);
}

// The datagram may begin with extension headers of its own; it can't be a fragment again.
TEST(Fragments, OfIpv6) {
    Decoder decoder(DLT_RAW);
    Segment segment;
    const Bytes inner = number(6, 1) + zeros(7) + Tcp{.data = "0123456789"}.v6();
    EXPECT_EQ(decode(decoder, ipv6_fragment(60, 16, false, inner.substr(16)), segment), Verdict::fragment);
    EXPECT_EQ(decode(decoder, ipv6_fragment(60, 0, true, inner.substr(0, 16)), segment), Verdict::tcp);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(segment.data), segment.captured), "0123456789");
    EXPECT_EQ(segment.checksum, Checksum::valid);
    EXPECT_EQ(decode(decoder, ipv6_fragment(17, 0, true, inner.substr(0, 16)), segment), Verdict::not_tcp);

    const Bytes nested = number(44, 1) + zeros(7) + number(6, 1) + zeros(2) + number(9, 1) + zeros(4);
    EXPECT_EQ(decode(decoder, ipv6_fragment(60, 0, true, nested), segment), Verdict::fragment);
    EXPECT_EQ(decode(decoder, ipv6_fragment(60, 16, false, "x"), segment), Verdict::malformed);
}

}  // namespace
}  // namespace sniffer
