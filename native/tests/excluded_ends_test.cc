#include "excluded_ends.h"

#include <gtest/gtest.h>

namespace sniffer {
namespace {

constexpr Nanos kStart = 1'700'000'000 * kSecond;

Endpoint end_of(const char* address, uint16_t port) {
    Endpoint end;
    parse_address(address, end.ip);
    end.port = port;
    return end;
}

const Endpoint kServer = end_of("10.0.0.1", 80);

Endpoint own(uint16_t port) { return end_of("10.0.0.2", port); }

Segment from(const Endpoint& source, Nanos time, uint8_t flags) {
    Segment segment;
    segment.source = source;
    segment.destination = kServer;
    segment.time = time;
    segment.flags = flags;
    return segment;
}

Segment answer(const Endpoint& destination, Nanos time, uint8_t flags) {
    Segment segment = from(kServer, time, flags);
    segment.destination = destination;
    return segment;
}

TEST(ExcludedEnds, HoldBothDirectionsOfAnOpenConnection) {
    ExcludedEnds ends;
    EXPECT_FALSE(ends.has(from(own(5000), kStart, kSyn)));
    ends.add(own(5000));
    EXPECT_TRUE(ends.has(from(own(5000), kStart, kSyn)));
    EXPECT_TRUE(ends.has(answer(own(5000), kStart + 3600 * kSecond, kAck)));
    EXPECT_FALSE(ends.has(from(own(5001), kStart, kSyn)));
}

TEST(ExcludedEnds, HoldWhatAClosedConnectionStillSays) {
    ExcludedEnds ends;
    ends.add(own(5000));
    ends.close(own(5000), kStart);
    EXPECT_TRUE(ends.has(from(own(5000), kStart - 1, kSyn)));  // the kernel hands it over late
    EXPECT_TRUE(ends.has(from(own(5000), kStart + kSecond, kFin | kAck)));
    EXPECT_TRUE(ends.has(answer(own(5000), kStart + kSecond, kSyn | kAck)));
    EXPECT_TRUE(ends.has(answer(own(5000), kStart + 59 * kSecond, kAck)));
    EXPECT_FALSE(ends.has(from(own(5000), kStart + 61 * kSecond, kAck)));
}

TEST(ExcludedEnds, AreWhoseTheNextConnectionIs) {
    ExcludedEnds ends;
    ends.add(own(5000));
    ends.close(own(5000), kStart);
    EXPECT_FALSE(ends.has(from(own(5000), kStart + kSecond, kSyn)));
    EXPECT_FALSE(ends.has(from(own(5000), kStart + kSecond, kAck)));
    ends.add(own(5000));  // the reader's again
    EXPECT_TRUE(ends.has(from(own(5000), kStart + 2 * kSecond, kSyn)));
}

TEST(ExcludedEnds, ThatAreOpenAreKeptBeforeThoseThatAreClosed) {
    ExcludedEnds ends;
    ends.add(own(1));
    for (uint16_t port = 2; port <= 3 * ExcludedEnds::kMost; ++port) {
        ends.add(own(port));
        ends.close(own(port), kStart);
    }
    EXPECT_TRUE(ends.has(from(own(1), kStart, kAck)));
    EXPECT_TRUE(ends.has(from(own(3 * ExcludedEnds::kMost), kStart, kAck)));
    EXPECT_FALSE(ends.has(from(own(2), kStart, kAck)));
}

TEST(ExcludedEnds, ThatNobodyExcludedAreNoneToClose) {
    ExcludedEnds ends;
    ends.close(own(5000), kStart);
    EXPECT_FALSE(ends.has(from(own(5000), kStart, kAck)));
}

}  // namespace
}  // namespace sniffer
