// What tests of records share: an encoder, and the message that it writes.
#pragma once

#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>
#include <vector>

#include "field_text.h"
#include "record.h"
#include "utf8.h"

namespace sniffer {

using Json = simdjson::dom::element;

// One encoder, and the memory its messages live in.
class Record : public testing::Test {
 protected:
    Record() : budget_(64 << 20), arena_(budget_) {
        config_.redact_headers = {"authorization", "cookie"};
        const uint8_t server[] = {10, 0, 0, 1}, client[] = {192, 168, 7, 255};
        message_.receiver = {Address::v4(server), 8080};
        message_.destination = {Address::v4(client), 50123};
        message_.timestamp = 1715934600 * kSecond + 1000;
        put_hex(0xabc, message_.connection_id.data());
    }
    ~Record() override { chain_.clear(arena_); }

    void body(std::string_view bytes) {
        chain_.clear(arena_);
        ASSERT_EQ(chain_.append(arena_, bytes.data(), bytes.size()), bytes.size());
        message_.body = &chain_;
        message_.body_size = bytes.size();
    }

    std::string head(const Head& head, size_t limit = 1 << 20) {
        Text out;
        RecordEncoder encoder(config_);
        whole_ = encoder.encode_head(head, limit, out).whole;
        EXPECT_LE(out.size(), limit);
        return std::string(out.view());
    }

    std::string line() {
        Text out;
        RecordEncoder(config_).encode(message_, out);
        EXPECT_LE(out.size(), config_.max_record);
        EXPECT_TRUE(out.view().ends_with("}\n"));
        EXPECT_EQ(out.view().find('\n'), out.size() - 1);
        EXPECT_TRUE(valid_utf8(out));
        return std::string(out.view());
    }

    Json json(const std::string& text) { return parser_.parse(text).value(); }
    Json record() { return json(line_ = line()); }
    Json head_object(const Head& value, size_t limit = 1 << 20) { return json(line_ = "{" + head(value, limit) + "}"); }
    bool has(Json object, std::string_view key) { return object[key].error() == simdjson::SUCCESS; }
    std::string text(Json object, std::string_view key) { return std::string(std::string_view(object[key])); }

    Config config_;
    Budget budget_;
    Arena arena_;
    Chain chain_;
    Message message_;
    simdjson::dom::parser parser_;
    std::string line_;
    bool whole_ = true;
};

inline Head request(std::string_view target, const std::vector<HeaderField>& headers) {
    Head head;
    head.method = "GET";
    head.target = target;
    head.version = "1.1";
    head.headers = headers;
    return head;
}

inline std::string unbase64(std::string_view text) {
    static const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        if (c == '=') break;
        bits = bits << 6 | static_cast<uint32_t>(digits.find(c));
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out += static_cast<char>(bits >> count);
    }
    return out;
}

}  // namespace sniffer
