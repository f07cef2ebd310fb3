// The queue between capture and reader: what fits, what is refused, what waits.
#include "ring.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sniffer {
namespace {

constexpr size_t kBatch = 64 << 10;
constexpr size_t kLine = 16 << 10;  // four fill a batch

std::string line(size_t size, char fill = 'x') { return std::string(size - 1, fill) + "\n"; }

bool readable(const Ring& ring) {
    pollfd waiting{ring.event_fd(), POLLIN, 0};
    return poll(&waiting, 1, 0) == 1;
}

sniffer_batch contents(Batch& batch) {
    sniffer_batch out;
    batch.describe(out);
    return out;
}

// Pushes until one is refused; at most `most`.
int push_all(Ring& ring, const std::string& record, int most = 1000) {
    int taken = 0;
    while (taken < most && ring.push(record, 0)) ++taken;
    return taken;
}

TEST(Ring, GivesWhatWasPushedInOrderWithItsFlags) {
    Ring ring(4 * kBatch, kLine, false);
    ASSERT_TRUE(ring.push("one\n", 1));
    ASSERT_TRUE(ring.push("three\n", 4));
    EXPECT_EQ(ring.pop(), nullptr);  // not finished yet
    EXPECT_FALSE(readable(ring));
    ring.flush();
    EXPECT_TRUE(readable(ring));
    EXPECT_EQ(ring.queued(), 10u);
    std::unique_ptr<Batch> batch = ring.pop();
    ASSERT_NE(batch, nullptr);
    EXPECT_EQ(ring.queued(), 0u);
    const sniffer_batch got = contents(*batch);
    EXPECT_EQ(std::string(got.data, got.size), "one\nthree\n");
    ASSERT_EQ(got.count, 2u);
    EXPECT_EQ(got.flags, 5u);
    EXPECT_EQ(got.records[1].offset, 4u);
    EXPECT_EQ(got.records[1].length, 6u);
    EXPECT_EQ(got.records[1].flags, 4u);
    ring.release(std::move(batch));
}

TEST(Ring, RefusesWhatIsBeyondItsLimitAndKeepsTheRest) {
    Ring ring(2 * kBatch, kLine, false);
    EXPECT_EQ(push_all(ring, line(kLine)), 8);
    EXPECT_FALSE(ring.push(line(kLine), 0));
    ring.flush();
    int records = 0;
    while (std::unique_ptr<Batch> batch = ring.pop()) {
        records += static_cast<int>(contents(*batch).count);
        ring.release(std::move(batch));
    }
    EXPECT_EQ(records, 8);
}

// What the reader holds is memory too.
TEST(Ring, HasRoomAgainWhenTheReaderGivesBack) {
    Ring ring(2 * kBatch, kLine, false);
    EXPECT_EQ(push_all(ring, line(kLine)), 8);
    std::unique_ptr<Batch> held = ring.pop();
    ASSERT_NE(held, nullptr);
    EXPECT_FALSE(ring.push(line(kLine), 0));
    ring.release(std::move(held));
    EXPECT_EQ(push_all(ring, line(kLine)), 4);
}

TEST(Ring, ARecordAboveTheLimitGoesThroughAlone) {
    Ring ring(kBatch, kLine, false);
    ASSERT_TRUE(ring.push(line(3 * kBatch), 0));
    EXPECT_FALSE(ring.push(line(8), 0));
    ring.flush();
    std::unique_ptr<Batch> batch = ring.pop();
    ASSERT_NE(batch, nullptr);
    EXPECT_EQ(contents(*batch).size, 3 * kBatch);
    ring.release(std::move(batch));
    EXPECT_TRUE(ring.push(line(8), 0));
}

// Batches that wait for their next use are within the limit, and not in a larger record's way.
TEST(Ring, SpareBatchesGiveWayToALargerRecord) {
    Ring ring(4 * kBatch, kLine, false);
    EXPECT_EQ(push_all(ring, line(kLine)), 16);
    ring.flush();
    while (std::unique_ptr<Batch> batch = ring.pop()) ring.release(std::move(batch));
    ASSERT_TRUE(ring.push(line(3 * kBatch), 0));
    EXPECT_EQ(push_all(ring, line(kLine)), 4);  // and what they held beyond it is gone
}

// Where it may: six batches, those that the reader holds and the one before it, lie beside the largest record.
TEST(Ring, TheLargestRecordFitsBesideWhatIsHeld) {
    for (const size_t largest : {size_t{1} << 20, size_t{8} << 20, size_t{40} << 20}) {
        Ring ring(largest + Ring::kBesideTheLargest, largest, false);
        std::vector<std::unique_ptr<Batch>> held;
        for (int i = 0; i < 4; ++i) {
            ASSERT_TRUE(ring.push(line(kLine), 0));
            ring.flush();
            held.push_back(ring.pop());
        }
        ASSERT_TRUE(ring.push(line(kLine), 0));
        EXPECT_TRUE(ring.push(line(largest), 0)) << largest;
        for (std::unique_ptr<Batch>& batch : held) ring.release(std::move(batch));
    }
}

// Room that was lent, and too small for what came: nobody else may write there, so it is not in the way.
TEST(Ring, AnEmptyBatchGivesWayToALargerRecord) {
    Ring ring(4 * kBatch, kLine, false);
    for (int round = 0; round < 3; ++round) {
        Text text;
        ring.lend_room(text);
        text.return_lent();
        ASSERT_TRUE(ring.push(line(4 * kBatch), 0));
        ring.flush();
        std::unique_ptr<Batch> batch = ring.pop();
        ASSERT_NE(batch, nullptr);
        EXPECT_EQ(contents(*batch).count, 1u);
        ring.release(std::move(batch));
    }
}

TEST(Ring, ALargeLimitMakesLargeBatches) {
    Ring ring(64 << 20, kLine, false);
    constexpr int kInOne = (1 << 20) / kLine;
    EXPECT_EQ(push_all(ring, line(kLine), kInOne), kInOne);
    EXPECT_EQ(ring.pop(), nullptr);
    EXPECT_EQ(push_all(ring, line(kLine), 1), 1);
    std::unique_ptr<Batch> batch = ring.pop();
    ASSERT_NE(batch, nullptr);
    EXPECT_EQ(contents(*batch).count, uint64_t{kInOne});
    ring.release(std::move(batch));
}

TEST(Ring, ARecordWrittenWhereItLiesIsNotMoved) {
    Ring ring(4 * kBatch, kLine, false);
    Text text;
    ring.lend_room(text);
    const char* const place = text.data();
    text.append("in place\n");
    ASSERT_EQ(text.data(), place);
    ASSERT_TRUE(ring.push(text, 0));
    text.return_lent();
    ring.flush();
    std::unique_ptr<Batch> batch = ring.pop();
    ASSERT_NE(batch, nullptr);
    EXPECT_EQ(contents(*batch).data, place);
    ring.release(std::move(batch));
}

TEST(Ring, ALosslessOneWaitsForTheReader) {
    Ring ring(2 * kBatch, kLine, true);
    constexpr int kRecords = 100;
    std::thread capture([&] {
        for (int i = 0; i < kRecords; ++i) EXPECT_TRUE(ring.push(line(kLine, static_cast<char>('A' + i % 26)), 0));
        ring.flush();
    });
    int records = 0;
    while (records < kRecords) {
        pollfd waiting{ring.event_fd(), POLLIN, 0};
        ASSERT_EQ(poll(&waiting, 1, 30'000), 1);
        uint64_t count;
        ASSERT_EQ(read(ring.event_fd(), &count, sizeof count), ssize_t{sizeof count});
        while (std::unique_ptr<Batch> batch = ring.pop()) {
            const sniffer_batch got = contents(*batch);
            for (uint64_t i = 0; i < got.count; ++i, ++records)
                EXPECT_EQ(got.data[got.records[i].offset], 'A' + records % 26);
            ring.release(std::move(batch));
        }
    }
    capture.join();
}

TEST(Ring, AWaitEndsWhenNothingNeedsToBeKept) {
    Ring ring(kBatch, kLine, true);
    ASSERT_EQ(push_all(ring, line(kLine), 4), 4);
    std::atomic<int> refused{0};
    std::thread capture([&] { refused += !ring.push(line(kLine), 0); });
    ring.set_lossless(false);
    capture.join();
    EXPECT_EQ(refused, 1);
}

}  // namespace
}  // namespace sniffer
