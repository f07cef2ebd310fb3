#include "record.h"

#include <gtest/gtest.h>
#include <simdjson.h>
#include <zlib.h>

#include <random>
#include <string>
#include <vector>

#include "field_text.h"
#include "utf8.h"

namespace sniffer {
namespace {

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

Head request(std::string_view target, const std::vector<HeaderField>& headers) {
    Head head;
    head.method = "GET";
    head.target = target;
    head.version = "1.1";
    head.headers = headers;
    return head;
}

std::string unbase64(std::string_view text) {
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

TEST_F(Record, ARequestByteForByte) {
    const std::vector<HeaderField> headers = {
        {"Host", "example.com"}, {"X-A", "1"}, {"Authorization", "Basic eA=="}, {"x-a", "\"2\""}};
    const std::string head_json = head(request("/a?b=c", headers));
    message_.head_json = head_json;
    message_.exchange = 3;
    body("hi \"you\"");
    config_.source_json = "\"source\":{\"pod\":\"p\"}";
    EXPECT_EQ(line(),
              "{\"timestamp\":\"2024-05-17T08:30:00.000001Z\",\"receiver\":{\"ip\":\"10.0.0.1\",\"port\":8080},"
              "\"destination\":{\"ip\":\"192.168.7.255\",\"port\":50123},\"direction\":\"request\","
              "\"method\":\"GET\",\"path\":\"/a?b=c\",\"httpVersion\":\"1.1\",\"headers\":{\"host\":\"example.com\","
              "\"x-a\":[\"1\",\"\\\"2\\\"\"],\"authorization\":\"[REDACTED]\"},"
              "\"body\":\"hi \\\"you\\\"\",\"bodySize\":8,\"connectionId\":\"0000000000000abc\",\"exchange\":3,"
              "\"complete\":true,\"source\":{\"pod\":\"p\"}}\n");
}

TEST_F(Record, AResponseWithEveryFlag) {
    Head response;
    response.request = false;
    response.status = 404;
    response.reason = "Not Found";
    response.version = "1.0";
    const std::string head_json = head(response);
    Text reference, trailers;
    RecordEncoder encoder(config_);
    encoder.encode_request_reference(request("/x", {}), {}, 1000, reference);
    const std::vector<HeaderField> fields = {{"Digest", "abc"}};
    EXPECT_TRUE(encoder.encode_trailers(fields, 1000, trailers));
    message_.request = false;
    message_.head_json = head_json;
    message_.request_json = reference;
    message_.trailers_json = trailers;
    message_.latency = 12 * kMillisecond + 340999;
    message_.incomplete = Incomplete::gap;
    message_.missing_bytes = 77;
    message_.interim = message_.midstream = message_.headers_truncated = message_.ambiguous_framing =
        message_.conflicting_data = true;
    EXPECT_EQ(
        line(),
        "{\"timestamp\":\"2024-05-17T08:30:00.000001Z\",\"receiver\":{\"ip\":\"10.0.0.1\",\"port\":8080},"
        "\"destination\":{\"ip\":\"192.168.7.255\",\"port\":50123},\"direction\":\"response\","
        "\"statusCode\":404,\"reason\":\"Not Found\",\"httpVersion\":\"1.0\",\"headers\":{},"
        "\"bodySize\":0,\"trailers\":{\"digest\":\"abc\"},\"connectionId\":\"0000000000000abc\",\"exchange\":0,"
        "\"latencyMs\":12.34,\"request\":{\"method\":\"GET\",\"path\":\"/x\"},\"interim\":true,\"complete\":false,"
        "\"incompleteReason\":\"gap\",\"missingBytes\":77,\"midstream\":true,\"headersTruncated\":true,"
        "\"ambiguousFraming\":true,\"conflictingData\":true}\n");
}

TEST_F(Record, AConnectionsEnd) {
    ConnectionEnd end;
    end.timestamp = message_.timestamp;
    end.ended = end.timestamp + 1500 * kMillisecond;
    end.receiver = {Address{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, 443};
    end.destination = message_.destination;
    put_hex(UINT64_MAX, end.connection_id.data());
    end.end = "fin";
    end.protocol = "http";
    end.packets[0] = 1000000;
    end.messages[1] = 2;
    Text out;
    RecordEncoder(config_).encode(end, out);
    EXPECT_EQ(
        out.view(),
        "{\"timestamp\":\"2024-05-17T08:30:00.000001Z\",\"receiver\":{\"ip\":\"2001:db8::1\",\"port\":443},"
        "\"destination\":{\"ip\":\"192.168.7.255\",\"port\":50123},\"direction\":\"connection\","
        "\"connectionId\":\"ffffffffffffffff\",\"durationMs\":1500,\"end\":\"fin\",\"protocol\":\"http\","
        "\"packets\":{\"client\":1000000,\"server\":0},\"bytes\":{\"client\":0,\"server\":0},"
        "\"missingBytes\":{\"client\":0,\"server\":0},\"messages\":{\"client\":0,\"server\":2},\"midstream\":true}\n");
}

TEST(FieldText, TimesAndNumbers) {
    Timestamp timestamp;
    char out[40];
    const auto written = [&](Nanos time) { return std::string(out, timestamp.put(time, out)); };
    EXPECT_EQ(written(0), "1970-01-01T00:00:00.000000Z");
    EXPECT_EQ(written(951782399 * kSecond + 999999999), "2000-02-28T23:59:59.999999Z");
    EXPECT_EQ(written(951782400 * kSecond), "2000-02-29T00:00:00.000000Z");
    EXPECT_EQ(written(951782400 * kSecond + 123456789), "2000-02-29T00:00:00.123456Z");
    EXPECT_EQ(written(-1), "1969-12-31T23:59:59.999999Z");
    EXPECT_EQ(written(INT64_MAX), "2262-04-11T23:47:16.854775Z");
    const auto millis = [&](Nanos time) { return std::string(out, put_millis(time, out)); };
    EXPECT_EQ(millis(0), "0");
    EXPECT_EQ(millis(999), "0");
    EXPECT_EQ(millis(1000), "0.001");
    EXPECT_EQ(millis(250000), "0.25");
    EXPECT_EQ(millis(10 * kSecond + 500000), "10000.5");
    for (const uint64_t number : {0ull, 9ull, 10ull, 999ull, 1000ull, 1001ull, 65535ull, 999999ull, 1000000ull, ~0ull})
        EXPECT_EQ(std::string(out, put_number(number, out)), std::to_string(number));
}

TEST_F(Record, HeadersThatAreNotUtf8AreLatin1) {
    const std::vector<HeaderField> headers = {{"a", "caf\xe9"}, {"b", "caf\xc3\xa9"}};
    const Json object = head_object(request("/\xff", headers));
    EXPECT_EQ(text(object, "path"), "/ÿ");
    EXPECT_EQ(text(object["headers"].value(), "a"), "café");
    EXPECT_EQ(text(object["headers"].value(), "b"), "café");
    EXPECT_EQ(text(object, "headEncoding"), "latin1");
    EXPECT_FALSE(has(head_object(request("/", {{"b", "caf\xc3\xa9"}})), "headEncoding"));
}

TEST_F(Record, NamesInTwoEncodingsAreOne) {
    std::vector<std::string> names;
    for (int c = 0x80; c <= 0xff; ++c) {
        names.push_back("X-" + std::string(20, static_cast<char>(c)));
        names.push_back("x-");
        for (int i = 0; i < 20; ++i)
            (names.back() += static_cast<char>(0xc0 | c >> 6)) += static_cast<char>(0x80 | (c & 0x3f));
    }
    std::vector<HeaderField> headers;
    for (const std::string& name : names) headers.push_back({name, "v"});
    const Json object = head_object(request("/", headers));
    EXPECT_EQ(text(object, "headEncoding"), "latin1");
    size_t fields = 0;
    for (const auto field : simdjson::dom::object(object["headers"])) {
        ++fields;
        EXPECT_EQ(simdjson::dom::array(field.value).size(), 2u) << field.key;
    }
    EXPECT_EQ(fields, 128u);
}

TEST_F(Record, ManyHeadersOfManyNames) {
    std::vector<std::string> names;
    for (int i = 0; i < 30000; ++i) names.push_back(i % 3 == 0 ? "X-Same" : "N" + std::to_string(i % 20000));
    std::vector<HeaderField> headers;
    for (const std::string& name : names) headers.push_back({name, name});
    const Json object = head_object(request("/", headers), 8 << 20);
    EXPECT_TRUE(whole_);
    size_t values = 0;
    for (const auto field : simdjson::dom::object(object["headers"]))
        values += field.value.is_array() ? simdjson::dom::array(field.value).size() : 1;
    EXPECT_EQ(values, headers.size());
    EXPECT_EQ(simdjson::dom::array(object["headers"]["x-same"]).size(), 10000u);
}

TEST_F(Record, ManyHeadersWithoutAName) {
    const std::vector<HeaderField> headers(40, {{}, "v"});
    const Json object = head_object(request("/", headers));
    EXPECT_EQ(simdjson::dom::array(object["headers"][""]).size(), 40u);
}

// Few and many headers take different ways; both give the same.
TEST_F(Record, HeadersInOrderWithRepeatsAtTheFirst) {
    std::mt19937 random(1);
    const char* pool[] = {
        "a", "B", "c-long-name-of-16", "Content-Type", "X-\"quoted\"", "b", "é", "A", "x-1", "x-2", "x-3", "Cookie"};
    for (int round = 0; round < 300; ++round) {
        std::vector<HeaderField> headers;
        std::vector<std::pair<std::string, std::vector<std::string>>> expected;
        const size_t count = random() % 50;
        for (size_t i = 0; i < count; ++i) {
            const char* name = pool[random() % (round % 2 ? 12 : 4)];
            const char* value = round % 5 ? "v" : "a \"quoted\" and longer value";
            headers.push_back({name, value});
            std::string lower;
            for (const char* c = name; *c; ++c) lower += static_cast<char>(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
            auto known =
                std::find_if(expected.begin(), expected.end(), [&](const auto& e) { return e.first == lower; });
            if (known == expected.end()) known = expected.insert(expected.end(), {lower, {}});
            known->second.push_back(lower == "cookie" ? "[REDACTED]" : value);
        }
        const Json object = head_object(request("/", headers));
        ASSERT_TRUE(whole_);
        size_t i = 0;
        for (const auto field : simdjson::dom::object(object["headers"])) {
            ASSERT_EQ(field.key, expected[i].first);
            ASSERT_EQ(field.value.is_array(), expected[i].second.size() > 1);
            if (!field.value.is_array()) {
                ASSERT_EQ(std::string_view(field.value), expected[i].second[0]);
            } else {
                size_t j = 0;
                for (const Json value : simdjson::dom::array(field.value))
                    ASSERT_EQ(std::string_view(value), expected[i].second[j++]);
            }
            ++i;
        }
        ASSERT_EQ(i, expected.size());
    }
}

TEST_F(Record, AHeadKeepsItsLimit) {
    const std::vector<HeaderField> headers = {
        {"One", "1"}, {"Two", "\"2\""}, {"one", "again"}, {"Three", std::string_view("grün")}};
    Head value = request("/some/päth?with=query", headers);
    const size_t whole = head(value).size();
    size_t last = 0;
    for (size_t limit = 128; limit < whole + 100; ++limit) {
        const Json object = head_object(value, limit);
        EXPECT_EQ(text(object, "method"), "GET");
        const size_t count = simdjson::dom::object(object["headers"]).size();
        EXPECT_GE(count, last) << "more room, fewer headers";
        last = count;
        EXPECT_EQ(whole_, line_.size() == whole + 2);
    }
    EXPECT_TRUE(whole_);
    const std::string target = "/" + std::string(2000, 'x');
    for (size_t limit = 128; limit < 300; ++limit) {
        const Json object = head_object(request(target, headers), limit);
        EXPECT_FALSE(whole_);
        EXPECT_TRUE(target.starts_with(text(object, "path")));
        EXPECT_EQ(simdjson::dom::object(object["headers"]).size(), 0u);
    }
}

TEST_F(Record, ABodyIsTextOrBase64) {
    message_.head_json = "\"headers\":{}";
    const std::string texts[] = {"ascii", "Grüße", std::string(5000, 'x') + "ü" + std::string(5000, '"'),
                                 std::string("\0\x01", 2)};
    for (const std::string& bytes : texts) {
        body(bytes);
        const Json object = record();
        EXPECT_EQ(text(object, "body"), bytes);
        EXPECT_FALSE(has(object, "bodyEncoding"));
        EXPECT_FALSE(has(object, "bodyTruncated"));
    }
    const std::string binaries[] = {"\xff", "ab\xc3", std::string(4000, 'x') + "\xff" + std::string(4000, 'y'),
                                    "\x1f\x8b\x08"};
    for (const std::string& bytes : binaries) {
        body(bytes);
        const Json object = record();
        EXPECT_EQ(text(object, "bodyEncoding"), "base64");
        EXPECT_EQ(unbase64(text(object, "body")), bytes);
    }
}

// A character on each side of a chunk's border.
TEST_F(Record, CharactersAcrossChunks) {
    message_.head_json = "\"headers\":{}";
    for (size_t before = Chunk::kRoom - 5; before <= Chunk::kRoom + 1; ++before) {
        const std::string bytes = std::string(before, 'x') + "\U0001F600" + std::string(100, 'y');
        body(bytes);
        EXPECT_EQ(text(record(), "body"), bytes);
        body(bytes.substr(0, before + 2));
        EXPECT_EQ(text(record(), "bodyEncoding"), "base64");  // complete, so it is no text
        message_.body_cut = true;
        const Json cut = record();
        EXPECT_EQ(text(cut, "body"), bytes.substr(0, before));
        EXPECT_TRUE(bool(cut["bodyTruncated"]));
        message_.body_cut = false;
    }
}

TEST_F(Record, AnEmptyBodyIsAbsent) {
    message_.head_json = "\"headers\":{}";
    body("");
    EXPECT_FALSE(has(record(), "body"));
    message_.incomplete = Incomplete::reset;
    body("\xc3");  // the first byte of a character, and no more came
    const Json object = record();
    EXPECT_FALSE(has(object, "body"));
    EXPECT_TRUE(bool(object["bodyTruncated"]));
    EXPECT_EQ(uint64_t(object["bodySize"]), 1u);
}

TEST_F(Record, NoLineIsLongerThanMaxRecordSize) {
    const std::string bodies[] = {std::string(9000, 'x'), std::string(9000, '"'), std::string(9000, '\x01'),
                                  std::string(9000, '\xff'), [] {
                                      std::string text;
                                      while (text.size() < 9000) text += "ü€";
                                      return text;
                                  }()};
    const std::string head_json = head(request("/path", {{"a", "b"}}));
    message_.head_json = head_json;
    for (const std::string& bytes : bodies) {
        body(bytes);
        for (config_.max_record = 1024; config_.max_record < 30000; config_.max_record += 997) {
            const Json object = record();
            const bool binary = has(object, "bodyEncoding");
            const std::string kept =
                has(object, "body") ? (binary ? unbase64(text(object, "body")) : text(object, "body")) : "";
            ASSERT_TRUE(bytes.starts_with(kept));
            ASSERT_EQ(kept.size() < bytes.size(), has(object, "bodyTruncated"));
            ASSERT_EQ(uint64_t(object["bodySize"]), bytes.size());
            if (kept.size() < bytes.size()) {
                ASSERT_GT(line_.size() + 1100, config_.max_record);  // the room is used
            }
        }
    }
}

TEST_F(Record, WhatDoesNotFitIsLeftOutInTheEnd) {
    const std::string big = "\"headers\":{\"a\":\"" + std::string(3000, 'x') + "\"}";
    const std::string trailers = "\"trailers\":{\"a\":\"" + std::string(3000, 'x') + "\"}";
    message_.head_json = big;
    message_.trailers_json = trailers;
    for (config_.max_record = 1024; config_.max_record < 8000; config_.max_record += 500) {
        const Json object = record();
        EXPECT_EQ(has(object, "headersTruncated"), !has(object, "trailers") || !has(object["headers"].value(), "a"));
    }
}

std::string gzip(std::string_view text) {
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, text.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

TEST_F(Record, ContentCodingsAreUndoneWhereAskedFor) {
    message_.head_json = "\"headers\":{}";
    message_.content_encoding = "gzip";
    const std::string coded = gzip("decoded text, ü");
    body(coded);
    const Json raw = record();
    EXPECT_EQ(unbase64(text(raw, "body")), coded);
    EXPECT_FALSE(has(raw, "decodedSize"));

    config_.decode_body = true;
    const Json decoded = record();
    EXPECT_EQ(text(decoded, "body"), "decoded text, ü");
    EXPECT_EQ(uint64_t(decoded["decodedSize"]), 16u);
    EXPECT_TRUE(bool(decoded["contentDecoded"]));
    EXPECT_EQ(uint64_t(decoded["bodySize"]), coded.size());
    EXPECT_FALSE(has(decoded, "bodyTruncated"));

    config_.max_body = 15;  // the last character is cut in two
    const Json cut = record();
    EXPECT_EQ(text(cut, "body"), "decoded text, ");
    EXPECT_EQ(uint64_t(cut["decodedSize"]), 15u);
    EXPECT_TRUE(bool(cut["bodyTruncated"]));

    body("not gzip");
    const Json failed = record();
    EXPECT_EQ(text(failed, "body"), "not gzip");
    EXPECT_FALSE(has(failed, "decodedSize"));
}

TEST_F(Record, ABodyThatCannotBeSearchedIsWithheld) {
    message_.head_json = "\"headers\":{}";
    message_.content_type = "application/json";
    config_.redact_fields = {"password"};
    const std::string secret = "{\"password\":\"secret\"}";
    body(secret);
    EXPECT_EQ(text(record(), "body"), "{\"password\":\"[REDACTED]\"}");

    message_.content_encoding = "gzip";
    body(gzip(secret));
    const Json decoded = record();
    EXPECT_EQ(text(decoded, "body"), "{\"password\":\"[REDACTED]\"}");
    EXPECT_TRUE(bool(decoded["contentDecoded"]));
    body("not gzip");
    const Json withheld = record();
    EXPECT_FALSE(has(withheld, "body"));
    EXPECT_TRUE(bool(withheld["bodyRedacted"]));
    EXPECT_FALSE(has(withheld, "contentDecoded"));
}

TEST_F(Record, UrlsAreRedactedWhereverTheyStand) {
    config_.redact_fields = {"token"};
    const std::vector<HeaderField> headers = {
        {"Referer", "http://h/?token=x"}, {"Location", "/#token=x"}, {"Via", "?token=x"}};
    const Json object = head_object(request("/a?token=x&b=1", headers));
    EXPECT_EQ(text(object, "path"), "/a?token=[REDACTED]&b=1");
    EXPECT_EQ(text(object["headers"].value(), "referer"), "http://h/?token=[REDACTED]");
    EXPECT_EQ(text(object["headers"].value(), "location"), "/#token=[REDACTED]");
    EXPECT_EQ(text(object["headers"].value(), "via"), "?token=x");
    Text reference;
    RecordEncoder(config_).encode_request_reference(request("/a?token=x", {}), {}, 1000, reference);
    EXPECT_EQ(reference.view(), "\"request\":{\"method\":\"GET\",\"path\":\"/a?token=[REDACTED]\"}");
}

// Whatever bytes went by: one line of valid JSON and UTF-8, within its limit.
TEST_F(Record, RandomMessagesGiveValidLines) {
    std::mt19937 random(42);
    constexpr std::string_view tame = "abcABC \"\\\n\xc3\xa9&=?{}:";
    const auto bytes = [&](size_t most) {
        std::string text(random() % most, '\0');
        const bool wild = random() % 2;
        for (char& c : text) c = wild ? static_cast<char>(random()) : tame[random() % tame.size()];
        return text;
    };
    config_.redact_fields = {"a", "abc"};
    for (int round = 0; round < 4000; ++round) {
        config_.max_record = 1024 + random() % 4000;
        config_.decode_body = random() % 2;
        std::vector<std::string> strings;
        for (int i = 0; i < 12; ++i) strings.push_back(bytes(60));
        std::vector<HeaderField> headers;
        for (size_t i = 0; i < 12; i += 2) headers.push_back({strings[i], strings[i + 1]});
        const std::string method = bytes(10), target = bytes(300), payload = bytes(6000);
        Head value = request(target, headers);
        value.method = method;
        value.reason = target;
        value.request = message_.request = random() % 2;
        value.status = static_cast<int>(random() % 1000);
        Text head_json, reference, trailers;
        RecordEncoder encoder(config_);
        encoder.encode_head(value, config_.max_record / 2, head_json);
        encoder.encode_request_reference(value, {}, config_.max_record / 4, reference);
        encoder.encode_trailers(headers, config_.max_record / 4, trailers);
        ASSERT_LE(head_json.size(), config_.max_record / 2);
        ASSERT_LE(reference.size(), config_.max_record / 4);
        ASSERT_LE(trailers.size(), config_.max_record / 4);
        message_.head_json = head_json;
        message_.request_json = reference;
        message_.trailers_json = trailers;
        message_.content_encoding = std::vector<std::string_view>{"", "gzip", "br", "deflate"}[random() % 4];
        message_.body_cut = random() % 2;
        body(payload);
        const std::string out = line();
        ASSERT_EQ(parser_.parse(out).error(), simdjson::SUCCESS) << out;
    }
}

}  // namespace
}  // namespace sniffer
