// libFuzzer: both sides of a connection send whatever they like, in pieces of any size, with gaps:
// each message that comes out is one valid line, an exchange is counted for each final response,
// and nothing stays open at the end.
#include <fuzzer/FuzzedDataProvider.h>
#include <simdjson.h>

#include <string>

#include "http_connection.h"
#include "utf8.h"

using namespace sniffer;

namespace {

void check(bool holds) {
    if (!holds) __builtin_trap();
}

class Reader final : public HttpHandler {
 public:
    explicit Reader(RecordEncoder& encoder) : encoder_(encoder) {}

    void on_message(const Message& message, bool self_delivery) override {
        encoder_.encode(message, line_);
        check(valid_utf8(line_) && parser_.parse(line_.data(), line_.size()).error() == simdjson::SUCCESS);
        finals += !message.request && !message.interim && !self_delivery;
        ++messages;
    }
    void on_exchange(const Endpoint&, const Endpoint&, const Exchange& exchange) override {
        check(exchange.latency >= -1 && exchange.duration >= -1);
        check(exchange.duration < 0 || exchange.latency <= exchange.duration);
        check(exchange.request_size >= -1 && exchange.response_size >= -1 && exchange.status < 1000);
        ++exchanges;
    }
    void on_not_http(const Endpoint&, const Endpoint&, std::string_view) override { check(++not_http == 1); }
    void on_tunnel(const Endpoint&, const Endpoint&, std::string_view) override { check(++tunnels == 1); }
    void on_missing(const Endpoint&, const Endpoint&, bool, uint64_t) override {}
    void on_lost_sync(const Endpoint&, const Endpoint&, bool) override {}

    uint64_t messages = 0, finals = 0, exchanges = 0;

 private:
    RecordEncoder& encoder_;
    Text line_;
    simdjson::dom::parser parser_;
    int not_http = 0, tunnels = 0;
};

Config make_config(FuzzedDataProvider& data) {
    Config config;
    config.max_head = data.ConsumeIntegralInRange<uint64_t>(256, 2048);
    config.max_body = data.ConsumeIntegralInRange<uint64_t>(0, 4096);
    config.max_record = 16384;
    if (data.ConsumeBool()) config.exclude = {{"GET", "/a*", "", ""}};
    return config;
}

// Something that HTTP begins with, or goes on with: the fuzzer need not find each by itself.
constexpr const char* kWords[] = {
    "GET / HTTP/1.1\r\n",
    "POST /a HTTP/1.1\r\n",
    "HEAD / HTTP/1.1\r\n",
    "CONNECT a:1 HTTP/1.1\r\n",
    "GET /\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 100 C\r\n",
    "HTTP/1.1 101 U\r\n",
    "HTTP/1.0 304 N\r\n",
    "\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Tcp-Sniffer-Delivery: 1\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "traceparent: 00-",
    "\x16\x03\x01",
    "hello",
};

// What TCP promises: a side is joined midway before its first byte or never, and says nothing after its FIN.
struct Side {
    bool begun = false, ended = false;
};

void step(FuzzedDataProvider& data, HttpConnection& connection, Side (&sides)[2], Nanos time) {
    const int side = data.ConsumeBool();
    if (sides[side].ended) return;
    switch (data.ConsumeIntegralInRange(0, 11)) {
        case 0:
            return connection.on_gap(side, data.ConsumeIntegralInRange<uint64_t>(1, 100));
        case 1:
            sides[side].ended = true;
            return connection.on_fin(side);
        case 2:
            if (!sides[side].begun) connection.on_midway(side);
            return;
        case 3:
            return connection.on_conflict(side);
        case 4:
            return connection.on_disorder();
        case 5:
            return connection.on_mistake(side);
        default: {
            std::string bytes;
            for (int words = data.ConsumeIntegralInRange(0, 4); words > 0; --words)
                bytes += data.PickValueInArray(kWords);
            bytes += data.ConsumeRandomLengthString(64);
            if (bytes.empty()) return;
            const Piece piece{
                bytes.data(),      static_cast<uint32_t>(bytes.size()), time, data.ConsumeBool(), data.ConsumeBool(),
                data.ConsumeBool()};
            sides[side].begun = true;
            connection.on_data(side, piece);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    FuzzedDataProvider data(bytes, size);
    const Config config = make_config(data);
    RecordEncoder encoder(config);
    Budget budget(1 << 20);
    Arena arena(budget);
    Ledger ledger;
    Reader reader(encoder);
    HttpContext context{config, encoder, arena, budget, ledger, reader, {}, {}, {}, 0};
    const Endpoint ends[2] = {{{}, 80}, {{}, 40000}};
    {
        Side sides[2];
        HttpConnection connection(context, ends, {}, data.ConsumeIntegralInRange(-1, 1));
        for (Nanos time = 0; data.remaining_bytes() > 0; time += kMillisecond) step(data, connection, sides, time);
        connection.on_end(End::capture_end);
        check(context.open_exchanges == 0);
    }
    check(reader.exchanges == reader.finals);
    check(ledger.messages.produced.get() == reader.messages + ledger.messages.filtered.get());
    return 0;
}
