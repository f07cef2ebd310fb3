// The time between packets: what it makes of a capture's clock that is set.
#include "packet_clock.h"

#include <gtest/gtest.h>

namespace sniffer {
namespace {

constexpr Nanos kStart = 1'700'000'000 * kSecond;

PacketClock started() {
    PacketClock clock;
    clock.advance(kStart);
    return clock;
}

TEST(PacketClock, NeverGoesBack) {
    PacketClock clock = started();
    EXPECT_FALSE(clock.advance(kStart - kMillisecond));
    EXPECT_EQ(clock.now(), kStart);
    EXPECT_TRUE(clock.advance(kStart + 1));
    EXPECT_EQ(clock.now(), kStart + 1);
}

TEST(PacketClock, GoesOnWhereAClockIsSetBack) {
    PacketClock clock = started();
    EXPECT_FALSE(clock.advance(kStart - 3600 * kSecond));
    EXPECT_TRUE(clock.advance(kStart - 3599 * kSecond));
    EXPECT_EQ(clock.now(), kStart + kSecond);
}

TEST(PacketClock, FollowsAClockThatIsSetRightAgain) {
    PacketClock clock = started();
    clock.advance(kStart - 3600 * kSecond);
    EXPECT_TRUE(clock.advance(kStart + 2 * kSecond));
    EXPECT_EQ(clock.now(), kStart + 2 * kSecond);
}

TEST(PacketClock, GoesOnWhereAClockIsSetForward) {
    PacketClock clock = started();
    clock.limit(kStart + 2 * kSecond);
    EXPECT_FALSE(clock.advance(kStart + 3600 * kSecond));
    EXPECT_EQ(clock.now(), kStart);
}

// Times that only a hostile file has, far forward and far back by turns.
TEST(PacketClock, EndsAtTheLastTime) {
    PacketClock clock;
    for (const Nanos shown : {kLastTime, Nanos{0}, kLastTime - kSecond, Nanos{0}, kLastTime / 2, kLastTime})
        clock.advance(shown);
    EXPECT_EQ(clock.now(), kLastTime);
    EXPECT_FALSE(clock.pass(kLastTime + kSecond));
}

}  // namespace
}  // namespace sniffer
