// What one record costs: run under `valgrind --tool=callgrind` for instructions, or plainly for time.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "record.h"

using namespace sniffer;

namespace {

std::string json_body(size_t size) {
    std::string body = "{\"items\":[";
    for (int i = 0; body.size() < size; ++i)
        body += "{\"id\":" + std::to_string(i * 7919) + ",\"name\":\"item " + std::to_string(i) +
                "\",\"active\":true,\"tags\":[\"red\",\"large\"],\"price\":" + std::to_string(i) + ".25},";
    body.resize(size - 2);
    return body + "]}";
}

const std::vector<HeaderField> kHeaders = {
    {"Host", "api.example.com"},
    {"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"},
    {"Accept", "application/json, text/plain, */*"},
    {"Accept-Language", "en-US,en;q=0.9"},
    {"Accept-Encoding", "gzip, deflate, br"},
    {"Connection", "keep-alive"},
    {"Authorization", "Bearer 0123456789abcdef0123456789abcdef"},
    {"Content-Type", "application/json"},
    {"ETag", "\"5f3a-1b2c\""},
    {"X-Request-Id", "c0ffee00-1234-5678-9abc-def012345678"},
};

Head request_head() {
    Head head;
    head.method = "GET";
    head.target = "/api/v1/items?page=3&limit=20";
    head.version = "1.1";
    head.headers = kHeaders;
    return head;
}

Head response_head() {
    Head head;
    head.request = false;
    head.status = 200;
    head.reason = "OK";
    head.version = "1.1";
    head.headers = kHeaders;
    return head;
}

}  // namespace

// record_bench request|response|body COUNT
int main(int argc, char** argv) {
    if (argc != 3) return std::fputs("usage: record_bench request|response|body COUNT\n", stderr), 2;
    const std::string mode = argv[1];
    const int count = std::atoi(argv[2]);
    Config config;
    config.redact_headers = {"authorization", "proxy-authorization", "cookie",
                             "set-cookie",    "x-api-key",           "x-auth-token"};
    RecordEncoder encoder(config);
    Budget budget(64 << 20);
    Arena arena(budget);
    Chain body;
    if (mode != "request") body.append(arena, json_body(2048).data(), 2048);
    const uint8_t server[4] = {10, 0, 0, 1}, client[4] = {192, 168, 100, 200};
    Text head_json, reference_json, line;
    encoder.encode_request_reference(request_head(), 1000, reference_json);
    size_t bytes = 0;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
        Message message;
        message.timestamp = 1700000000 * kSecond + i * 5000;
        message.receiver = {Address::v4(server), 8080};
        message.destination = {Address::v4(client), 50000};
        message.request = mode == "request";
        message.connection_id = 0x123456789abcdef;
        head_json.clear();
        if (mode != "body") encoder.encode_head(message.request ? request_head() : response_head(), 1 << 19, head_json);
        message.head_json = mode == "body" ? std::string_view("\"headers\":{}") : head_json.view();
        if (!message.request) message.request_json = reference_json, message.latency = 1234567;
        message.body = &body;
        message.body_size = body.size();
        encoder.encode(message, line);
        bytes += line.size();
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("%d records, %.0f bytes each, %.0f ns each\n", count, double(bytes) / count,
                seconds.count() / count * 1e9);
    body.clear(arena);
}
