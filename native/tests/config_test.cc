// The engine's configuration from JSON text. The loader has validated it against the schema; what
// is read here must be what was meant, or be refused by name.
#include "config.h"

#include <gtest/gtest.h>

#include "error.h"
#include "types.h"

namespace sniffer {
namespace {

std::string refusal(const std::string& json) {
    try {
        parse_config(json);
    } catch (const EngineError& error) {
        EXPECT_EQ(error.status(), SNIFFER_CONFIG);
        return error.what();
    }
    return "accepted";
}

TEST(Config, EveryField) {
    const Config config = parse_config(R"({
        "interface": "eth1", "ports": [80, "8000-8999", "9090"], "captureDirection": "inbound",
        "captureFilter": "not host 10.0.0.7", "captureBufferSize": 1048576, "sampleRate": 0.25,
        "maxBodySize": 1073741824, "maxHeaderSize": 1000, "maxRecordSize": 2147483648,
        "maxConcurrentConnections": 7, "connectionIdleTimeoutMs": 10, "maxMemory": 1099511627776,
        "decodeBody": true, "redactHeaders": ["Authorization", "x-key"], "redactFields": ["Password"],
        "exclude": [{"method": "get", "path": "/healthz*"}, {"header": {"name": "User-Agent", "value": "kube*"}},
                    {"header": {"name": "x-probe"}}],
        "outputConnections": true, "logSamples": true,
        "source": {"pod": "a\"b\\c\u0001", "namespace": "n", "node": null},
        "replay": {"files": ["a.pcap", "-"], "speed": 2.5}, "outputUrl": "not the engine's"})");
    EXPECT_EQ(config.interface, "eth1");
    ASSERT_EQ(config.ports.size(), 3u);
    EXPECT_EQ(config.ports[1].first, 8000);
    EXPECT_EQ(config.ports[1].last, 8999);
    EXPECT_EQ(config.direction, Direction::inbound);
    EXPECT_EQ(config.filter, "not host 10.0.0.7");
    EXPECT_EQ(config.buffer_size, 1048576u);
    EXPECT_EQ(config.sample_rate, 0.25);
    EXPECT_EQ(config.max_body, 1u << 30);
    EXPECT_EQ(config.max_head, 1000u);
    EXPECT_EQ(config.max_record, 1u << 31);
    EXPECT_EQ(config.max_connections, 7u);
    EXPECT_EQ(config.idle_timeout_ms, 10);
    EXPECT_EQ(config.max_memory, 1ull << 40);
    EXPECT_TRUE(config.decode_body && config.output_connections && config.log_samples);
    EXPECT_EQ(config.redact_headers, (std::vector<std::string>{"authorization", "x-key"}));
    EXPECT_EQ(config.redact_fields, (std::vector<std::string>{"Password"}));
    ASSERT_EQ(config.exclude.size(), 3u);
    EXPECT_EQ(config.exclude[0].method, "get");
    EXPECT_EQ(config.exclude[0].path, "/healthz*");
    EXPECT_EQ(config.exclude[0].header_name, "");
    EXPECT_EQ(config.exclude[1].header_name, "user-agent");
    EXPECT_EQ(config.exclude[1].header_value, "kube*");
    EXPECT_EQ(config.exclude[2].header_value, "*");
    EXPECT_EQ(config.source_json, R"("source":{"pod":"a\"b\\c\u0001","namespace":"n"})");
    EXPECT_TRUE(config.replay());
    EXPECT_EQ(config.replay_files, (std::vector<std::string>{"a.pcap", "-"}));
    EXPECT_EQ(config.replay_speed, 2.5);
}

TEST(Config, WhatIsAbsentOrNullKeepsItsDefault) {
    const Config config = parse_config(R"({"ports": [80], "interface": null, "maxBodySize": null, "source": {}})");
    EXPECT_EQ(config.interface, "");
    EXPECT_EQ(config.direction, Direction::both);
    EXPECT_EQ(config.max_body, 65536u);
    EXPECT_EQ(config.sample_rate, 1);
    EXPECT_EQ(config.source_json, "");
    EXPECT_FALSE(config.replay());
}

TEST(Config, HasPort) {
    const Config config = parse_config(R"({"ports": [80, "8000-8010", "65535-65535"]})");
    for (const uint16_t port : std::initializer_list<uint16_t>{80, 8000, 8005, 8010, 65535})
        EXPECT_TRUE(config.has_port(port)) << port;
    for (const uint16_t port : std::initializer_list<uint16_t>{79, 81, 7999, 8011, 0, 65534})
        EXPECT_FALSE(config.has_port(port)) << port;
}

TEST(Config, ARateMayBeWrittenAsAnInteger) {
    EXPECT_EQ(parse_config(R"({"ports": [80], "sampleRate": 0})").sample_rate, 0);
}

TEST(Config, RefusalsNameTheField) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "JSON"},
        {"[]", "JSON object"},
        {"{", "JSON"},
        {R"({})", "ports"},
        {R"({"ports": []})", "ports"},
        {R"({"ports": 80})", "ports"},
        {R"({"ports": [0]})", "ports"},
        {R"({"ports": [65536]})", "ports"},
        {R"({"ports": [-80]})", "ports"},
        {R"({"ports": [80.5]})", "ports"},
        {R"({"ports": ["80-"]})", "ports"},
        {R"({"ports": ["80-79"]})", "ports"},
        {R"({"ports": ["1-2-3"]})", "ports"},
        {R"({"ports": [" 80"]})", "ports"},
        {R"({"ports": [true]})", "ports"},
        {R"({"ports": [80], "captureDirection": "out"})", "captureDirection"},
        {R"({"ports": [80], "captureBufferSize": 2147483648})", "captureBufferSize"},
        {R"({"ports": [80], "captureBufferSize": -1})", "captureBufferSize"},
        {R"({"ports": [80], "maxBodySize": "1"})", "maxBodySize"},
        {R"({"ports": [80], "sampleRate": 1.01})", "sampleRate"},
        {R"({"ports": [80], "decodeBody": 1})", "decodeBody"},
        {R"({"ports": [80], "redactFields": "a"})", "redactFields"},
        {R"({"ports": [80], "redactFields": [1]})", "redactFields"},
        {R"({"ports": [80], "exclude": {}})", "exclude"},
        {R"({"ports": [80], "exclude": [{}]})", "exclude[0]"},
        {R"({"ports": [80], "exclude": [{"path": "/"}, {"header": {"value": "x"}}]})", "exclude[1].header.name"},
        {R"({"ports": [80], "exclude": [{"path": 1}]})", "exclude[0].path"},
        {R"({"ports": [80], "source": {"pod": 1}})", "source.pod"},
        {R"({"ports": [80], "replay": {"files": []}})", "replay.files"},
        {R"({"ports": [80], "replay": {"files": ["a"], "speed": -1}})", "replay.speed"},
    };
    for (const auto& [json, field] : cases)
        EXPECT_NE(refusal(json).find(field), std::string::npos) << json << refusal(json);
}

TEST(Address, TextAndBack) {
    for (const char* text : {"10.0.0.1", "0.0.0.0", "2001:db8::1", "::", "::1", "fe80::1"}) {
        Address address;
        EXPECT_TRUE(parse_address(text, address)) << text;
        EXPECT_EQ(to_string(address), text);
    }
    Address mapped, v4, zoned, plain;
    EXPECT_TRUE(parse_address("::ffff:10.0.0.1", mapped) && parse_address("10.0.0.1", v4));
    EXPECT_EQ(mapped, v4);
    EXPECT_TRUE(parse_address("fe80::1%eth0", zoned) && parse_address("fe80::1", plain));
    EXPECT_EQ(zoned, plain);
    EXPECT_EQ(to_string(Endpoint{v4, 80}), "10.0.0.1:80");
    EXPECT_EQ(to_string(Endpoint{plain, 80}), "[fe80::1]:80");
    for (const char* text : {"", "10.0.0", "10.0.0.1:80", "[::1]", "localhost", "10.0.0.1%eth0", "::1 "}) {
        EXPECT_FALSE(parse_address(text, v4)) << text;
    }
}

}  // namespace
}  // namespace sniffer
