#include "arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace sniffer {
namespace {

constexpr uint64_t kSlab = 256 << 10;

std::string text_of(const Chain& chain) {
    std::string text(chain.size(), '\0');
    chain.copy_to(text.data());
    return text;
}

TEST(Arena, TakesTheBudgetSlabBySlabAndGivesItBack) {
    Budget budget(10 * kSlab);
    {
        Arena arena(budget);
        EXPECT_EQ(budget.used(), 0u);
        Chunk* chunk = arena.get();
        ASSERT_NE(chunk, nullptr);
        EXPECT_EQ(budget.used(), kSlab);
        EXPECT_EQ(arena.in_use(), Chunk::kSize);
        arena.put(chunk);
        EXPECT_EQ(arena.in_use(), 0u);
        EXPECT_EQ(arena.get(), chunk);  // warm: last in, first out
    }
    EXPECT_EQ(budget.used(), 0u);
    EXPECT_EQ(budget.peak(), kSlab);
}

// All that can be had, in no order.
std::vector<Chunk*> take_all(Arena& arena) {
    std::vector<Chunk*> chunks;
    while (Chunk* chunk = arena.get()) chunks.push_back(chunk);
    std::shuffle(chunks.begin(), chunks.end(), std::mt19937(1));
    return chunks;
}

TEST(Arena, GivesBackWhatIsNotUsedForATime) {
    Budget budget(100 * kSlab);
    Arena arena(budget);
    std::vector<Chunk*> chunks = take_all(arena);
    EXPECT_EQ(budget.used(), 100 * kSlab);
    for (Chunk* chunk : chunks) arena.put(chunk);
    arena.trim();
    EXPECT_EQ(budget.used(), 100 * kSlab);  // it was used since the last time
    std::vector<Chunk*> few;
    while (few.size() < 3 * kSlab / Chunk::kSize) few.push_back(arena.get());
    for (Chunk* chunk : few) arena.put(chunk);
    arena.trim();
    EXPECT_EQ(budget.used(), 3 * kSlab);
    EXPECT_EQ(arena.in_use(), 0u);
    arena.trim();
    EXPECT_EQ(budget.used(), kSlab);
}

TEST(Arena, KeepsWhatComesAndGoes) {
    Budget budget(10 * kSlab);
    Arena arena(budget);
    for (int round = 0; round < 5; ++round) {
        for (Chunk* chunk : take_all(arena)) arena.put(chunk);
        arena.trim();
        EXPECT_EQ(budget.used(), 10 * kSlab);
    }
}

TEST(Arena, ReleasesWhatHoldsNothing) {
    Budget budget(10 * kSlab);
    Arena arena(budget);
    EXPECT_FALSE(arena.release());
    std::vector<Chunk*> chunks = take_all(arena);
    EXPECT_FALSE(arena.release());
    Chunk* const kept = chunks.back();
    chunks.pop_back();
    for (Chunk* chunk : chunks) arena.put(chunk);
    EXPECT_EQ(arena.in_use(), Chunk::kSize);
    EXPECT_TRUE(arena.release());
    EXPECT_EQ(budget.used(), kSlab);
    arena.put(kept);
    EXPECT_TRUE(arena.release());
    EXPECT_EQ(budget.used(), 0u);
}

TEST(Arena, IsScarceWhereLessThanAQuarterIsLeft) {
    Budget budget(8 * kSlab);
    Arena arena(budget);
    std::vector<Chunk*> chunks;
    while (arena.in_use() < 6 * kSlab) chunks.push_back(arena.get());
    EXPECT_FALSE(arena.scarce());
    chunks.push_back(arena.get());
    EXPECT_TRUE(arena.scarce());
    arena.put(chunks.back());
    EXPECT_FALSE(arena.scarce());  // though its slab stays
    budget.share_among(4);
    EXPECT_EQ(budget.share(), kSlab / 4);
}

TEST(Arena, StopsAtTheCeiling) {
    Budget budget(kSlab + kSlab / 2);  // room for one slab
    Arena arena(budget);
    for (uint64_t i = 0; i < kSlab / Chunk::kSize; ++i) ASSERT_NE(arena.get(), nullptr);
    EXPECT_EQ(arena.get(), nullptr);
    EXPECT_EQ(budget.used(), kSlab);
}

TEST(Chain, KeepsBytesInOrderWhateverThePieces) {
    Budget budget(64 * kSlab);
    Arena arena(budget);
    std::mt19937 random(1);
    for (int round = 0; round < 50; ++round) {
        Chain chain;
        std::string expected;
        while (expected.size() < 10000) {
            std::string piece(random() % 5000, '\0');
            for (char& c : piece) c = static_cast<char>(random());
            ASSERT_EQ(chain.append(arena, piece.data(), piece.size()), piece.size());
            expected += piece;
        }
        ASSERT_EQ(text_of(chain), expected);
        chain.clear(arena);
        ASSERT_TRUE(chain.empty());
        ASSERT_EQ(arena.in_use(), 0u);
    }
}

TEST(Chain, SaysHowMuchWentInAtTheCeiling) {
    Budget budget(kSlab);
    Arena arena(budget);
    const uint64_t room = kSlab / Chunk::kSize * Chunk::kRoom;
    const std::string data(room + 100, 'x');
    Chain chain;
    EXPECT_EQ(chain.append(arena, data.data(), data.size()), room);
    EXPECT_EQ(chain.size(), room);
    EXPECT_EQ(text_of(chain), data.substr(0, room));
    chain.clear(arena);
    EXPECT_EQ(chain.append(arena, data.data(), 10), 10u);
    EXPECT_EQ(text_of(chain), "xxxxxxxxxx");
    chain.clear(arena);
}

TEST(Chain, MovesWithItsBytes) {
    Budget budget(kSlab);
    Arena arena(budget);
    Chain first;
    first.append(arena, "abc", 3);
    Chain second(std::move(first));
    EXPECT_EQ(text_of(second), "abc");
    second.clear(arena);
    EXPECT_EQ(second.first(), nullptr);
}

}  // namespace
}  // namespace sniffer
