// The recording's parts that need no disk: frame numbers, both formats, anonymisation.
#include <gtest/gtest.h>
#include <pcap/dlt.h>

#include <bit>
#include <set>

#include "anonymizer.h"
#include "frame_index.h"
#include "recording_folder.h"
#include "recording_format.h"

namespace sniffer {
namespace {

TEST(FrameIndex, NamesTheFramesOfEachFile) {
    FrameIndex index;
    for (uint64_t packet = 1; packet <= 10; ++packet) index.add(3, packet, 1, packet);
    for (uint64_t packet = 11; packet <= 15; ++packet) index.add(4, packet, 1, packet - 10);
    EXPECT_EQ(index.json(2, 5), R"("pcap":[{"sequence":3,"firstFrame":2,"lastFrame":5}])");
    EXPECT_EQ(index.json(9, 12),
              R"("pcap":[{"sequence":3,"firstFrame":9,"lastFrame":10},{"sequence":4,"firstFrame":1,"lastFrame":2}])");
    EXPECT_EQ(index.json(16, 20), "");
}

// With a trigger only some packets get a place: the others are not named.
TEST(FrameIndex, LeavesOutWhatIsNotInAFile) {
    FrameIndex index;
    index.add(1, 100, 10, 1);
    index.add(1, 200, 10, 11);
    EXPECT_EQ(index.json(105, 204), R"("pcap":[{"sequence":1,"firstFrame":6,"lastFrame":10},)"
                                    R"({"sequence":1,"firstFrame":11,"lastFrame":15}])");
    EXPECT_EQ(index.json(110, 199), "");
}

TEST(RecordingFormat, TakesTheBytesItSays) {
    std::string records, buffer;
    uint64_t pcap = 0, pcapng = 0;
    const RecordingFormat plain(false, {}), blocks(true, {});
    for (uint32_t size : {0u, 1u, 4u, 61u}) {
        const PcapRecord record{1'700'000'000, 5, size, size + 7};
        records.append(reinterpret_cast<const char*>(&record), sizeof record).append(size, 'x');
        pcap += plain.size(size);
        pcapng += blocks.size(size);
    }
    EXPECT_EQ(plain.packets(records, buffer).size(), pcap);
    EXPECT_EQ(blocks.packets(records, buffer).size(), pcapng);
    EXPECT_EQ(pcapng % 4, 0);
}

TEST(RecordingFolder, KnowsItsOwnFilesAlone) {
    EXPECT_EQ(sequence_of("web-0.0012.pcap", "web-0", ".pcap"), 12);
    EXPECT_EQ(sequence_of("web-0.12345.pcap.zst", "web-0", ".pcap"), 12345);
    for (const char* name :
         {"web-0.pcap", "web-1.0012.pcap", "web-0.0012.pcapng", "web-0.12.pcap", "web-0.x.0012.pcap"})
        EXPECT_EQ(sequence_of(name, "web-0", ".pcap"), 0) << name;
}

const std::string kKey(32, '\x0f');

int common_bits(const Address& a, const Address& b, size_t first) {
    for (size_t i = first; i < 16; ++i) {
        const uint8_t differ = a.bytes[i] ^ b.bytes[i];
        if (differ != 0) return static_cast<int>((i - first) * 8) + std::countl_zero(differ);
    }
    return static_cast<int>((16 - first) * 8);
}

TEST(Anonymizer, KeepsThePrefixesThatAddressesShare) {
    Anonymizer anonymizer(kKey, {});
    for (const auto& [one, other] :
         {std::pair("10.0.0.1", "10.0.0.2"), {"10.0.0.1", "10.1.0.1"}, {"1.2.3.4", "200.2.3.4"}}) {
        Address a, b;
        ASSERT_TRUE(parse_address(one, a) && parse_address(other, b));
        EXPECT_EQ(common_bits(anonymizer.address(a), anonymizer.address(b), 12), common_bits(a, b, 12));
        EXPECT_TRUE(anonymizer.address(a).is_v4());
    }
    Address a, b;
    ASSERT_TRUE(parse_address("2001:db8::1", a) && parse_address("2001:db8:5::1", b));
    EXPECT_EQ(common_bits(anonymizer.address(a), anonymizer.address(b), 0), common_bits(a, b, 0));
    EXPECT_FALSE(anonymizer.address(a) == a);
}

TEST(Anonymizer, PermutesTheClientsPorts) {
    Anonymizer anonymizer(kKey, {{80, 80}, {9000, 9100}});
    std::set<uint16_t> mapped;
    for (uint32_t port = 0; port <= 65535; ++port) mapped.insert(anonymizer.port(static_cast<uint16_t>(port)));
    EXPECT_EQ(mapped.size(), 65536);
    EXPECT_EQ(anonymizer.port(80), 80);
    EXPECT_EQ(anonymizer.port(9050), 9050);
    EXPECT_NE(anonymizer.port(40000), 40000);
}

TEST(Anonymizer, WhatIsNotIpBecomesZeros) {
    Anonymizer anonymizer(kKey, {});
    uint8_t frame[60];
    std::fill(std::begin(frame), std::end(frame), uint8_t{7});
    anonymizer.rewrite(DLT_EN10MB, frame, sizeof frame, sizeof frame);
    EXPECT_TRUE(std::all_of(std::begin(frame), std::end(frame), [](uint8_t byte) { return byte == 0; }));
}

}  // namespace
}  // namespace sniffer
