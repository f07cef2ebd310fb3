// Live, time passes without packets too: the engine's ticks say so to the connections.
#include <gtest/gtest.h>

#include "tracker.h"

namespace sniffer {
namespace {

constexpr Nanos kStart = 1'700'000'000 * kSecond;

// Writes down what comes out, a word each.
class Notes final : public HttpHandler, public ConnectionSink {
 public:
    void on_message(const Message& message, bool) override {
        text += message.request ? "request" : "response";
        text += message.incomplete == Incomplete::none ? " " : "! ";
    }
    void on_exchange(const Endpoint&, const Endpoint&, const Exchange&) override {}
    void on_not_http(const Endpoint&, const Endpoint&, std::string_view) override { text += "not-http "; }
    void on_tunnel(const Endpoint&, const Endpoint&, std::string_view) override { text += "tunnel "; }
    void on_missing(const Endpoint&, const Endpoint&, bool, uint64_t bytes) override {
        text += "gap:" + std::to_string(bytes) + " ";
    }
    void on_lost_sync(const Endpoint&, const Endpoint&, bool) override { text += "lost "; }
    void on_connection_end(const ConnectionEnd& end) override { (text += end.end) += ' '; }
    std::string take() { return std::exchange(text, {}); }

 private:
    std::string text;
};

Config config_of() {
    Config config;
    config.ports = {{80, 80}};
    config.idle_timeout_ms = 1000;
    config.output_connections = true;
    return config;
}

struct World {
    Config config = config_of();
    Ledger ledger;
    Events events{ledger};
    Budget budget{64 << 20};
    Arena arena{budget};
    RecordEncoder encoder{config};
    Notes notes;
    HttpContext http{config, encoder, arena, budget, ledger, notes, {}, {}, {}, 0};
    Tracker tracker{config, ledger, events, arena, budget, http, notes};

    void send(bool from_server, uint32_t seq, uint32_t ack, uint8_t flags, Nanos time, std::string_view data = {}) {
        Segment segment;
        Endpoint server, client;
        parse_address("10.0.0.1", server.ip);
        parse_address("10.0.0.2", client.ip);
        server.port = 80;
        client.port = 40000;
        segment.source = from_server ? server : client;
        segment.destination = from_server ? client : server;
        segment.seq = seq;
        segment.ack = ack;
        segment.flags = flags;
        segment.window = 65535;
        segment.checksum = Checksum::valid;
        segment.data = reinterpret_cast<const uint8_t*>(data.data());
        segment.captured = segment.length = static_cast<uint32_t>(data.size());
        segment.time = time;
        tracker.on_segment(segment);
    }
    void open(Nanos time) {
        send(false, 99, 0, kSyn, time);
        send(true, 499, 100, kSyn | kAck, time);
        send(false, 100, 500, kAck, time);
    }
};

constexpr std::string_view kGet = "GET / HTTP/1.1\r\n\r\n";
constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";

TEST(Tick, EndsAConnectionThatIsIdle) {
    World world;
    world.open(kStart);
    world.send(false, 100, 500, kAck, kStart, "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab");
    world.tracker.on_time(kStart + 1000 * kMillisecond);
    EXPECT_EQ(world.notes.take(), "");
    world.tracker.on_time(kStart + 1001 * kMillisecond);
    EXPECT_EQ(world.notes.take(), "request! idle_timeout ");
    EXPECT_EQ(world.ledger.connections.idle_timeout.get(), 1u);
}

// A hole that the other side acknowledged is given up 50 ms later, though no packet follows.
TEST(Tick, GivesAHoleUp) {
    World world;
    world.open(kStart);
    world.send(false, 100, 500, kAck, kStart, kGet);
    const auto asked = static_cast<uint32_t>(100 + kGet.size());
    const auto body = static_cast<uint32_t>(500 + kAnswer.size());
    world.send(true, 500, asked, kAck, kStart, kAnswer);
    world.send(true, body + 4, asked, kAck, kStart + kMillisecond, "456789");  // 0123 were not captured
    world.send(false, asked, body + 10, kAck, kStart + kMillisecond);
    EXPECT_EQ(world.notes.take(), "request ");
    EXPECT_TRUE(world.tracker.waiting());
    world.tracker.on_time(kStart + 50 * kMillisecond);
    EXPECT_EQ(world.notes.take(), "");
    world.tracker.on_time(kStart + 51 * kMillisecond);
    EXPECT_EQ(world.notes.take(), "gap:4 response! ");
    EXPECT_FALSE(world.tracker.waiting());
}

TEST(Tick, OfAnEarlierTimeChangesNothing) {
    World world;
    world.open(kStart);
    world.tracker.on_time(kStart - 3600 * kSecond);
    EXPECT_EQ(world.tracker.clock().now(), kStart);
    world.tracker.on_time(kStart + kMillisecond);
    EXPECT_EQ(world.tracker.clock().now(), kStart + kMillisecond);
    EXPECT_EQ(world.notes.take(), "");
}

// Where the machine's steady clock knows better, an hour between two packets is a clock that was set.
TEST(Tick, AClockThatIsSetForwardEndsNothing) {
    World world;
    world.open(kStart);
    world.tracker.limit_time(kStart + 2 * kSecond);
    world.send(false, 100, 500, kAck, kStart + 3600 * kSecond, kGet);
    EXPECT_EQ(world.tracker.clock().now(), kStart);
    EXPECT_EQ(world.notes.take(), "request ");
    const auto asked = static_cast<uint32_t>(100 + kGet.size());
    world.send(true, 500, asked, kAck, kStart + 3600 * kSecond + kMillisecond, "HTTP/1.1 204 A\r\n\r\n");
    EXPECT_EQ(world.notes.take(), "response ");
    EXPECT_EQ(world.tracker.clock().now(), kStart + kMillisecond);
    world.send(false, asked, 518, kAck, kStart + 2 * kMillisecond, kGet);  // and back
    EXPECT_EQ(world.notes.take(), "request ");
    EXPECT_EQ(world.tracker.clock().now(), kStart + kMillisecond);
}

}  // namespace
}  // namespace sniffer
