// Live: a reader that does not read, and time without packets.
#include "live_capture.h"

namespace sniffer {
namespace {

// Its queue fills and records are dropped, counted; what fits is kept, and the ledger balances.
TEST(Live, AReaderThatDoesNotReadLosesRecordsThatAreCounted) {
    Pair pair;
    LiveCapture capture(pair.port(), R"("maxMemory":8388608)");
    ASSERT_TRUE(capture.open());
    pair.connect();
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + std::string(60000, 'x');
    uint64_t exchanges = 0;
    EXPECT_TRUE(in_time([&] {
        for (int i = 0; i < 20; ++i, ++exchanges) {
            pair.ask("GET / HTTP/1.1\r\n\r\n");
            pair.answer(answer);
        }
        return capture.stat("messages", "queue_full") > 0;
    }));
    const uint64_t records = capture.drain();
    EXPECT_GT(records, 0u);
    EXPECT_EQ(capture.stat("messages", "delivered"), records);
    EXPECT_EQ(capture.stat("messages", "produced"), records + capture.stat("messages", "queue_full"));
    EXPECT_LE(capture.stat("messages", "produced"), 2 * exchanges);
}

// No packet tells that a connection is idle: the clock does.
TEST(Live, AnIdleConnectionEndsByTheClock) {
    Pair pair;
    LiveCapture capture(pair.port(), R"("connectionIdleTimeoutMs":1000,"outputConnections":true)");
    ASSERT_TRUE(capture.open());
    pair.connect();
    pair.ask("GET / HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(in_time([&] { return capture.stat("connections", "idle_timeout") == 1; }));
    EXPECT_EQ(capture.stat("gauges", "openConnections"), 0u);
    EXPECT_EQ(capture.drain(), 2u);  // the request, and the connection's end
}

}  // namespace
}  // namespace sniffer
