// Headers that came before are read and written by a shorter way: with the same result.
#include "known_headers.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "http_head.h"

namespace sniffer {
namespace {

constexpr std::string_view kLines[] = {"Host: orders.shop.example\r\n",
                                       "host: orders.shop.example\r\n",
                                       "Host : orders.shop.example\r\n",
                                       "Host:\torders.shop.example\r\n",
                                       "Host: orders.shop.example  \r\n",
                                       "Host: orders.shop.example\n",
                                       "User-Agent: okhttp/4.12.0 (\"quoted\" \\ and more)\r\n",
                                       "Authorization: Bearer secret\r\n",
                                       "Referer: https://shop.example/?token=secret&page=1\r\n",
                                       "X-Latin: caf\xe9 caf\xe9 caf\xe9\r\n",
                                       "X-Utf8: caf\xc3\xa9 caf\xc3\xa9 caf\xc3\xa9\r\n",
                                       "X-\"Name: a name to be escaped\r\n",
                                       "X-Many-Escapes: \x01\x02\x03\x04\x05\x06\x07\x08\r\n",
                                       "Access-Control-Allow-Origin: *\r\n",
                                       "Access-Control-Allow-Methods: GET, POST\r\n",
                                       "Content-Type: application/json\r\n",
                                       "Content-Length: 2048\r\n",
                                       "Content-Length: 2049\r\n",
                                       "Transfer-Encoding: gzip, chunked\r\n",
                                       "Content-Encoding: gzip\r\n",
                                       "Tcp-Sniffer-Delivery: 0123456789abcdef\r\n",
                                       "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n",
                                       " and a continued line\r\n",
                                       "no colon, but more than sixteen bytes\r\n"};

std::string random_head(std::mt19937& random, bool request) {
    std::string head = request ? "GET /orders HTTP/1.1\r\n" : "HTTP/1.1 200 OK\r\n";
    for (size_t i = random() % 7; i > 0; --i) head += kLines[random() % std::size(kLines)];
    return head + (random() % 4 ? "\r\n" : "");
}

// What is read of a head and written of it, by one who sees it for the first time or the hundredth.
struct Reading {
    HeadScratch scratch;
    RecordEncoder encoder;
    explicit Reading(const Config& config) : encoder(config) {}

    std::string read(const std::string& bytes, bool request, size_t kept, size_t limit) {
        // In memory of exactly its size, so that a sanitizer sees each byte read behind it.
        const std::vector<char> exact(bytes.begin(), bytes.end());
        ParsedHead parsed;
        const size_t end = parse_head({{exact.data(), exact.size()}, kept}, request, scratch, parsed);
        Text json;
        const EncodedHead encoded = encoder.encode_head(parsed.head, limit, json);
        const FramingFields& framing = parsed.framing;
        std::string all(json.view());
        for (const uint64_t part :
             {uint64_t{end}, uint64_t{parsed.valid}, uint64_t{encoded.whole}, uint64_t{encoded.request_line},
              uint64_t{framing.transfer_encoding}, uint64_t{framing.chunked_last}, uint64_t{framing.content_length},
              uint64_t{framing.length_invalid}, framing.length, uint64_t{parsed.self_delivery}, uint64_t{parsed.traced},
              uint64_t{parsed.head.headers.size()}})
            all += ' ' + std::to_string(part);
        return all + ' ' + std::string(parsed.content_type) + ' ' + std::string(parsed.content_encoding);
    }
};

TEST(KnownHeaders, ChangeNothing) {
    Config config;
    config.redact_headers = {"authorization"};
    config.redact_fields = {"token"};
    Reading experienced(config);
    std::mt19937 random(3);
    for (int round = 0; round < 5000; ++round) {
        const bool request = random() % 2;
        const std::string head = random_head(random, request);
        const size_t limit = random() % 4 ? 1 << 20 : 200 + random() % 300;
        const size_t kept = random() % 4 ? head.size() : random() % (head.size() + 1);
        ASSERT_EQ(experienced.read(head, request, kept, limit), Reading(config).read(head, request, kept, limit))
            << head;
    }
}

TEST(KnownHeaders, KnowWhatCameTwiceInARow) {
    KnownHeaders known;
    const std::string line = "Accept: application/json\r\n", head = line + "\r\n";
    const HeaderField field{std::string_view(line).substr(0, 6), std::string_view(line).substr(8, 16)};
    for (int time = 0; time < 2; ++time) {
        known.begin_head();
        EXPECT_EQ(known.find(field), nullptr);
        known.keep(field, 0, "\"accept\":\"application/json\",");
    }
    known.begin_head();
    EXPECT_EQ(known.at(head.data(), head.size()), nullptr);  // not yet expected there
    ASSERT_NE(known.find(field), nullptr);
    ASSERT_NE(known.at(head.data(), head.size()), nullptr);
    EXPECT_EQ(known.at(head.data(), line.size()), nullptr);  // the next line may continue it
    const std::string folded = line + " more\r\n\r\n";
    EXPECT_EQ(known.at(folded.data(), folded.size()), nullptr);
}

}  // namespace
}  // namespace sniffer
