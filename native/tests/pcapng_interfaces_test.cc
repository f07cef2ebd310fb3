#include "pcapng_interfaces.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sniffer {
namespace {

std::string number(uint32_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

std::string block(uint32_t type, std::string body) {
    body.resize((body.size() + 3) / 4 * 4);
    const std::string length = number(static_cast<uint32_t>(body.size() + 12));
    return number(type) + length + body + length;
}

std::string section() { return block(0x0A0D0D0A, number(0x1A2B3C4D) + number(1) + std::string(8, '\xff')); }

std::string interface(const std::string& name) {
    const std::string option = number(2 | static_cast<uint32_t>(name.size()) << 16) + name;
    return block(1, number(1) + number(262144) + option + std::string((4 - name.size() % 4) % 4, '\0') + number(0));
}

std::string packet(uint32_t interface_number) { return block(6, number(interface_number) + std::string(40, 'x')); }

class PcapngInterfacesTest : public testing::Test {
 protected:
    // The names of as many packets as there are; "-": none.
    std::vector<std::string> read(const std::string& file, size_t piece, size_t packets) {
        InterfaceNames names;
        PcapngInterfaces interfaces(names);
        for (size_t at = 0; at < file.size(); at += piece)
            interfaces.see(file.data() + at, std::min(piece, file.size() - at));
        std::vector<std::string> found;
        for (size_t i = 0; i < packets; ++i) {
            const char* name = names.name(interfaces.next());
            found.emplace_back(name ? name : "-");
        }
        return found;
    }
};

TEST_F(PcapngInterfacesTest, PiecesOfAnySizeTellTheSame) {
    const std::string other = block(5, std::string(100, 's'));
    const std::string file = section() + interface("eth0") + interface(std::string("lo\0", 3)) + packet(1) + other +
                             packet(0) + section() + interface("wlan0") + packet(0);
    for (size_t piece = 1; piece <= file.size(); ++piece)
        EXPECT_EQ(read(file, piece, 3), (std::vector<std::string>{"lo", "eth0", "wlan0"})) << piece;
}

TEST_F(PcapngInterfacesTest, SimpleAndObsoletePackets) {
    const std::string simple = block(3, std::string(20, 'x')), old = block(2, number(1) + std::string(30, 'x'));
    EXPECT_EQ(read(section() + interface("a") + interface("b") + simple + old, 7, 2),
              (std::vector<std::string>{"a", "b"}));
}

TEST_F(PcapngInterfacesTest, WhatTheFileDoesNotTellIsNone) {
    EXPECT_EQ(read(section() + interface("") + packet(0) + packet(9), 5, 3), (std::vector<std::string>{"-", "-", "-"}));
}

TEST_F(PcapngInterfacesTest, DamagedFilesAreGivenUp) {
    const std::string begin = section() + interface("eth0") + packet(0);
    const std::string damages[] = {number(6) + number(8) + number(0), number(6) + number(33) + number(0),
                                   number(0x0A0D0D0A) + number(28) + number(7)};
    for (const std::string& damage : damages)
        EXPECT_EQ(read(begin + damage + packet(0) + packet(0), 3, 2), (std::vector<std::string>{"eth0", "-"}));
    EXPECT_EQ(read("\xd4\xc3\xb2\xa1 no pcapng" + begin, 3, 1), (std::vector<std::string>{"-"}));
}

TEST(InterfaceNamesTest, AreBounded) {
    InterfaceNames names;
    EXPECT_EQ(names.number("eth0"), 1U);
    EXPECT_EQ(names.number("eth0"), 1U);
    for (int i = 0; i < 5000; ++i) names.number("interface " + std::to_string(i));
    EXPECT_EQ(names.number("one more"), InterfaceNames::kNone);
    EXPECT_EQ(names.number("eth0"), 1U);
    EXPECT_EQ(names.name(5001), nullptr);
}

}  // namespace
}  // namespace sniffer
