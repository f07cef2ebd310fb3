#include "tcp_connection.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace sniffer {
namespace {

constexpr Nanos kStart = 1'000'000'000'000;

// Writes down what the connection says: "0<bytes>", "1<bytes>", "0-5" for a gap, "0." for a FIN.
class Transcript final : public StreamHandler {
 public:
    void on_data(int side, const Piece& piece) override {
        if (last_ != side) text += "\n" + std::to_string(side) + ":";
        last_ = side;
        text.append(piece.data, piece.size);
        bytes[side].append(piece.data, piece.size);
        conflicts += piece.conflicting;
    }
    void on_gap(int side, uint64_t size) override { note(side, "-" + std::to_string(size)); }
    void on_fin(int side) override { note(side, "."); }
    void on_conflict(int) override { ++conflicts; }
    void on_disorder() override { text += "disorder"; }
    void on_mistake(int) override { text += "mistake"; }
    void on_midway(int side) override { note(side, "~"); }
    void on_end(End end) override { text += std::string("\n") + end_name(end); }

    std::string text, bytes[2];
    int conflicts = 0;

 private:
    void note(int side, const std::string& what) {
        text += "\n" + std::to_string(side) + what;
        last_ = -1;
    }
    int last_ = -1;
};

class NoRelief final : public MemoryRelief {
 public:
    bool relieve() override { return false; }
};

struct Packet {
    int side;
    uint32_t seq, ack;
    uint8_t flags;
    std::string data;
    Checksum checksum = Checksum::valid;
};

struct World {
    explicit World(uint64_t memory = 64 << 20) : budget(memory) {}
    Budget budget;
    Arena arena{budget};
    Ledger ledger;
    NoRelief relief;
    TcpContext context{arena, budget, ledger, relief, 1 << 20};
    Transcript transcript;
    TcpConnection connection{context, transcript};
    Nanos now = kStart;

    Outcome send(const Packet& p) {
        Segment segment;
        segment.seq = p.seq;
        segment.ack = p.ack;
        segment.flags = p.flags;
        segment.window = 65535;
        segment.window_scale = p.flags & kSyn ? 4 : -1;
        segment.checksum = p.checksum;
        segment.data = reinterpret_cast<const uint8_t*>(p.data.data());
        segment.captured = segment.length = static_cast<uint32_t>(p.data.size());
        segment.time = now += 1000;
        return connection.on_segment(p.side, segment, segment.time);
    }
    void send(const std::vector<Packet>& packets) {
        for (const Packet& packet : packets) send(packet);
    }
};

// A conversation: handshake, then turns, then FINs.
class Conversation {
 public:
    explicit Conversation(uint32_t client = 1000, uint32_t server = 5000) : next_{client, server} {
        add(0, kSyn, "");
        add(1, kSyn | kAck, "");
        add(0, kAck, "");
    }
    Conversation& say(int side, const std::string& data, size_t piece = 1448) {
        for (size_t at = 0; at < data.size(); at += piece) add(side, kAck | kPsh, data.substr(at, piece));
        add(1 - side, kAck, "");
        return *this;
    }
    Conversation& close() {
        add(1, kFin | kAck, "");
        add(0, kFin | kAck, "");
        add(1, kAck, "");
        return *this;
    }
    std::vector<Packet> packets;

 private:
    void add(int side, int flags, const std::string& data) {
        uint32_t ack = flags & kAck ? next_[1 - side] : 0;
        packets.push_back({side, next_[side], ack, static_cast<uint8_t>(flags), data});
        next_[side] += static_cast<uint32_t>(data.size()) + (flags & (kSyn | kFin) ? 1 : 0);
    }
    uint32_t next_[2];
};

std::string in_order(const std::vector<Packet>& packets) {
    World world;
    world.send(packets);
    return world.transcript.text;
}

TEST(TcpConnection, HandsOverAConversation) {
    auto packets = Conversation().say(0, "ask").say(1, "answer").close().packets;
    EXPECT_EQ(in_order(packets), "\n0:ask\n1:answer\n1.\n0.\nfin");
}

TEST(TcpConnection, AnySwapOfNeighboursGivesTheSame) {
    auto packets =
        Conversation().say(0, "first question", 3).say(1, "an answer", 2).say(0, "more").say(1, "end").close().packets;
    std::string expected = in_order(packets);
    for (size_t i = 0; i + 1 < packets.size(); ++i)
        for (size_t j = i + 1; j < std::min(i + 3, packets.size()); ++j) {
            auto swapped = packets;
            std::swap(swapped[i], swapped[j]);
            EXPECT_EQ(in_order(swapped), expected) << i << " and " << j;
        }
}

TEST(TcpConnection, SurvivesWrapDuplicatesAndOverlaps) {
    std::mt19937 random(7);
    for (int run = 0; run < 300; ++run) {
        auto near_wrap = [&] { return static_cast<uint32_t>(0xffffffff - random() % 40); };
        Conversation conversation(near_wrap(), near_wrap());
        std::string said[2];
        for (int turn = 0; turn < 6; ++turn) {
            std::string data(1 + random() % 50, '?');
            for (char& c : data) c = static_cast<char>('a' + random() % 26);
            said[turn % 2] += data;
            conversation.say(turn % 2, data, 1 + random() % 9);
        }
        conversation.close();
        std::vector<Packet> packets;
        for (const Packet& packet : conversation.packets) {
            packets.push_back(packet);
            if (random() % 2) packets.push_back(packet);
            // A retransmission that begins where the segment did, and is shorter.
            if (packet.data.size() > 1)
                packets.push_back({packet.side, packet.seq, packet.ack, kAck, packet.data.substr(0, 1)});
        }
        World world;
        world.send(packets);
        EXPECT_EQ(world.transcript.bytes[0], said[0]);
        EXPECT_EQ(world.transcript.bytes[1], said[1]);
        EXPECT_EQ(world.transcript.conflicts, 0);
        EXPECT_EQ(world.ledger.streams.gaps.get(), 0u);
        EXPECT_TRUE(world.connection.ended());
    }
}

TEST(TcpConnection, WaitsForAHoleThatNobodyAcknowledged) {
    World world;
    auto packets = Conversation().packets;
    world.send(packets);
    for (int i = 0; i < 20; ++i) world.send({0, 1011u + i, 5001, kAck, "x"});
    EXPECT_EQ(world.transcript.text, "");
    world.send({0, 1001, 5001, kAck, "0123456789"});
    EXPECT_EQ(world.transcript.bytes[0], "0123456789" + std::string(20, 'x'));
}

TEST(TcpConnection, CallsAnAcknowledgedHoleAGapAfterThreePackets) {
    World world;
    world.send(Conversation().packets);
    world.send({0, 1006, 5001, kAck, "later"});
    world.send({1, 5001, 1011, kAck, ""});
    for (int i = 0; i < 2; ++i) world.send({1, 5001, 1011, kAck, ""});
    EXPECT_EQ(world.transcript.text, "");
    world.send({1, 5001, 1011, kAck, ""});
    EXPECT_EQ(world.transcript.text, "\n0-5\n0:later");
}

TEST(TcpConnection, CallsAnAcknowledgedHoleAGapAfterFiftyMilliseconds) {
    World world;
    world.send(Conversation().packets);
    world.send({1, 5001, 1006, kAck, ""});
    EXPECT_TRUE(world.connection.waiting());
    world.connection.on_time(world.now + 49 * kMillisecond);
    EXPECT_EQ(world.transcript.text, "");
    world.connection.on_time(world.now + 50 * kMillisecond);
    EXPECT_EQ(world.transcript.text, "\n0-5");
    EXPECT_FALSE(world.connection.waiting());
}

TEST(TcpConnection, PrefersACopyWithAValidChecksum) {
    for (bool forged_first : {true, false}) {
        World world;
        world.send(Conversation().packets);
        Packet forged{0, 1001, 5001, kAck, "EVIL", Checksum::invalid}, real{0, 1001, 5001, kAck, "good"};
        world.send(forged_first ? forged : real);
        world.send(forged_first ? real : forged);
        world.send({1, 5001, 1005, kAck, ""});
        EXPECT_EQ(world.transcript.bytes[0], "good") << forged_first;
    }
}

TEST(TcpConnection, TakesWhatOnlyCameWithABadChecksum) {
    World world;
    world.send(Conversation().packets);
    world.send({0, 1001, 5001, kAck, "data", Checksum::invalid});
    world.send({1, 5001, 1005, kAck, ""});
    EXPECT_EQ(world.transcript.bytes[0], "");  // one with a good checksum may come
    world.connection.on_time(world.now + 50 * kMillisecond);
    EXPECT_EQ(world.transcript.bytes[0], "data");
}

TEST(TcpConnection, DoesNotTakeABadChecksumAmongGoodOnes) {
    World world;
    world.send(Conversation().say(0, "good").packets);
    world.send({0, 1005, 5001, kAck, "EVIL", Checksum::invalid});
    world.send({1, 5001, 1009, kAck, ""});
    world.send({0, 1009, 5001, kAck, "more"});
    world.connection.on_time(world.now + 50 * kMillisecond);
    EXPECT_EQ(world.transcript.bytes[0], "goodmore");
    EXPECT_EQ(world.connection.stream(0).missing, 4u);
}

TEST(TcpConnection, ValidBytesOfAPartLeaveNothingForgedBesideThem) {
    World world;
    world.send(Conversation().say(0, "good").packets);
    world.send({0, 1005, 5001, kAck, "EVIL", Checksum::invalid});
    world.send({0, 1005, 5001, kAck, "re"});
    world.send({1, 5001, 1009, kAck, ""});
    world.connection.on_time(world.now + 50 * kMillisecond);
    EXPECT_EQ(world.transcript.bytes[0], "goodre");
    EXPECT_EQ(world.connection.stream(0).missing, 2u);
}

TEST(TcpConnection, SaysThatCopiesDiffer) {
    World world;
    world.send(Conversation().packets);
    world.send({0, 1001, 5001, kAck, "first"});
    world.send({0, 1001, 5001, kAck, "other"});
    EXPECT_EQ(world.transcript.bytes[0], "first");
    EXPECT_EQ(world.transcript.conflicts, 1);
}

TEST(TcpConnection, KeepAliveProbesAreNoData) {
    World world;
    world.send(Conversation().say(0, "ask").packets);
    world.send({0, 1003, 5001, kAck, "?"});
    world.send({0, 1003, 5001, kAck, ""});
    EXPECT_EQ(world.transcript.bytes[0], "ask");
    EXPECT_EQ(world.transcript.conflicts, 0);
}

TEST(TcpConnection, OnlyAResetInTheWindowCounts) {
    World world;
    world.send(Conversation().say(0, "ask").packets);
    EXPECT_EQ(world.send({1, 900, 0, kRst, ""}), Outcome::open);
    EXPECT_EQ(world.send({1, 5001 + (1u << 29), 0, kRst, ""}), Outcome::open);
    EXPECT_EQ(world.send({1, 5001, 0, kRst, ""}), Outcome::ended);
    EXPECT_EQ(world.transcript.text, "\n0:ask\nreset");
}

TEST(TcpConnection, WaitsNoMoreOnceAResetEndedIt) {
    World world;
    world.send(Conversation().packets);
    world.send({0, 1004, 5001, kRst | kAck, ""});  // overtook the data before it
    EXPECT_TRUE(world.connection.waiting());
    EXPECT_EQ(world.send({0, 1001, 5001, kAck | kPsh, "abc"}), Outcome::open);
    EXPECT_EQ(world.connection.on_time(world.now + TcpConnection::kGapDelay), Outcome::ended);
    EXPECT_FALSE(world.connection.waiting());
}

TEST(TcpConnection, ASynOnALiveConnectionProvesNothingTheAnswerDoes) {
    World world;
    world.send(Conversation().say(0, "ask").packets);
    EXPECT_EQ(world.send({0, 777000, 0, kSyn, ""}), Outcome::stray);
    EXPECT_EQ(world.send({1, 5001, 1004, kAck, "still here"}), Outcome::open);
    EXPECT_EQ(world.transcript.bytes[1], "still here");
    EXPECT_EQ(world.send({1, 999000, 777001, kSyn | kAck, ""}), Outcome::reopen);
    EXPECT_EQ(world.connection.reopen_isn(), 777000u);
}

TEST(TcpConnection, HoldsBackABoundedAmount) {
    World world;
    world.send(Conversation().packets);
    std::string data(1400, 'x');
    for (uint32_t i = 0; i < 2000; ++i) world.send({0, 1101 + i * 1400, 5001, kAck, data});
    EXPECT_LE(world.arena.in_use(), 2u << 20);
    EXPECT_EQ(world.transcript.text.substr(0, 6), "\n0-100");
    EXPECT_EQ(world.transcript.bytes[0].size(), 2000u * 1400);
}

TEST(TcpConnection, HoldsNoMoreThanItsShareWhereMemoryIsScarce) {
    World world(1 << 20);
    Chain others;
    others.append(world.arena, std::string(800 << 10, 'x').data(), 800 << 10);
    const uint64_t before = world.arena.in_use();
    world.send(Conversation().packets);
    world.send({0, 1010, 5001, kAck, std::string(3000, 'a')});
    EXPECT_EQ(world.transcript.bytes[0], "");  // it waits for what is missing
    world.budget.share_among(10);
    world.send({0, 5000, 5001, kAck, std::string(60'000, 'b')});
    EXPECT_EQ(world.transcript.bytes[0].size(), 63'000u);
    EXPECT_LE(world.arena.in_use(), before + world.budget.share() + Chunk::kSize);
    others.clear(world.arena);
}

// Hostile packets: whatever comes, it ends, within bounds.
TEST(TcpConnection, AnyPacketsAtAll) {
    std::mt19937 random(11);
    for (int run = 0; run < 200; ++run) {
        World world(4 << 20);
        for (int i = 0; i < 200; ++i) {
            Packet packet{static_cast<int>(random() % 2),         static_cast<uint32_t>(random() % 3000),
                          static_cast<uint32_t>(random() % 3000), static_cast<uint8_t>(random() % 32),
                          std::string(random() % 100, 'x'),       static_cast<Checksum>(random() % 3)};
            if (world.send(packet) == Outcome::reopen) break;
            if (random() % 10 == 0) world.connection.on_time(world.now += 60 * kMillisecond);
        }
        world.connection.finish(End::capture_end);
        EXPECT_TRUE(world.connection.ended());
        EXPECT_EQ(world.arena.in_use(), 0u);
    }
}

}  // namespace
}  // namespace sniffer
