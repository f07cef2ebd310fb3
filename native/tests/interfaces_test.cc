// The machine's interfaces, and what opening one of them says.
#include <gtest/gtest.h>

#include <algorithm>

#include "capture.h"
#include "error.h"

namespace sniffer {
namespace {

TEST(Interfaces, LoopbackIsAmongThem) {
    const std::vector<Interface> all = list_interfaces();
    const auto lo = std::find_if(all.begin(), all.end(), [](const Interface& i) { return i.name == "lo"; });
    ASSERT_NE(lo, all.end());
    EXPECT_TRUE(lo->loopback);
    Address own;
    ASSERT_TRUE(parse_address("127.0.0.1", own));
    EXPECT_EQ(std::count(lo->addresses.begin(), lo->addresses.end(), own), lo->up ? 1 : 0);
}

TEST(Interfaces, EachIsThereOnce) {
    std::vector<std::string> names;
    for (const Interface& interface : list_interfaces()) names.push_back(interface.name);
    std::sort(names.begin(), names.end());
    EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

// Needs no permission: the interface is looked up first.
TEST(Interfaces, AnAbsentOneIsNamedAndTheOthersListed) {
    Config config;
    config.interface = "nosuch0";
    config.ports = {{80, 80}};
    try {
        open_live(config);
        FAIL() << "opened";
    } catch (const EngineError& error) {
        EXPECT_EQ(error.status(), SNIFFER_NO_INTERFACE);
        EXPECT_NE(std::string(error.what()).find("nosuch0"), std::string::npos);
        EXPECT_NE(std::string(error.what()).find("there are: "), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace sniffer
