#include <random>

#include "record_fixture.h"

namespace sniffer {
namespace {

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
