#include "stray_segments.h"

#include <gtest/gtest.h>

#include <string>

namespace sniffer {
namespace {

Segment segment_of(const std::string& data, uint32_t seq) {
    Segment segment;
    segment.seq = seq;
    segment.data = reinterpret_cast<const uint8_t*>(data.data());
    segment.captured = segment.length = static_cast<uint32_t>(data.size());
    return segment;
}

std::vector<uint32_t> numbers(const StraySegments& strays, uint64_t hash, Nanos now) {
    std::vector<uint32_t> found;
    strays.each(hash, now, [&](int, const Segment& segment) { found.push_back(segment.seq); });
    return found;
}

TEST(StraySegments, OfTheseEndsInTheOrderInWhichTheyCame) {
    Budget budget(32 << 20);
    StraySegments strays(budget);
    std::string said = "said";
    strays.keep(7, 1, segment_of(said, 100), 0);
    strays.keep(8, 0, segment_of(said, 200), 0);
    strays.keep(7, 0, segment_of(said, 50), 0);
    said = "gone";  // the capture's buffer is used again
    EXPECT_EQ(numbers(strays, 7, 0), (std::vector<uint32_t>{100, 50}));
    strays.each(8, 0, [](int side, const Segment& segment) {
        EXPECT_EQ(side, 0);
        EXPECT_EQ(std::string(reinterpret_cast<const char*>(segment.data), segment.captured), "said");
    });
}

TEST(StraySegments, ForgetsThoseOfTheseEndsAlone) {
    Budget budget(32 << 20);
    StraySegments strays(budget);
    for (uint64_t hash : {7, 8, 7}) strays.keep(hash, 0, segment_of("abc", 1), 0);
    strays.forget(7);
    EXPECT_TRUE(numbers(strays, 7, 0).empty());
    EXPECT_EQ(numbers(strays, 8, 0).size(), 1u);
    EXPECT_EQ(budget.used(), 3u);
}

TEST(StraySegments, NoLongerThanASecond) {
    Budget budget(32 << 20);
    StraySegments strays(budget);
    strays.keep(7, 0, segment_of("x", 1), 0);
    EXPECT_EQ(numbers(strays, 7, StraySegments::kStay).size(), 1u);
    EXPECT_TRUE(numbers(strays, 7, StraySegments::kStay + 1).empty());
}

TEST(StraySegments, TheOldestGoWhereThereAreTooManyOrTooMuch) {
    Budget budget(32 << 20);
    {
        StraySegments strays(budget);
        for (uint32_t i = 0; i < 1000; ++i) strays.keep(7, 0, segment_of("", i), 0);
        EXPECT_EQ(numbers(strays, 7, 0).size(), StraySegments::kMost);
        EXPECT_EQ(numbers(strays, 7, 0).back(), 999u);
        for (uint32_t i = 0; i < 1000; ++i) strays.keep(7, 0, segment_of(std::string(64 << 10, 'x'), i), 0);
        EXPECT_EQ(numbers(strays, 7, 0), (std::vector<uint32_t>{996, 997, 998, 999}));
        EXPECT_EQ(budget.used(), 256u << 10);
    }
    EXPECT_EQ(budget.used(), 0u);
}

}  // namespace
}  // namespace sniffer
