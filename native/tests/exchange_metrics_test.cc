#include "exchange_metrics.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cmath>
#include <thread>

namespace sniffer {
namespace {

constexpr Bounds<3> kThree = {10, 20, 30};

Address v4(uint8_t last) {
    const uint8_t bytes[4] = {10, 0, 0, last};
    return Address::v4(bytes);
}

Endpoint server(uint16_t port, uint8_t last = 1) { return {v4(last), port}; }
const Endpoint kClient{v4(2), 40000};

Exchange exchange(Method method, uint16_t status) {
    Exchange one;
    one.method = method;
    one.status = status;
    return one;
}

// What to_json() says, to be asked by key.
class Json {
 public:
    explicit Json(const ExchangeMetrics& metrics) : text_(metrics.to_json()), root_(parser_.parse(text_)) {}
    simdjson::dom::array series() { return root_["series"].get_array(); }
    simdjson::dom::element at(size_t i) { return series().at(i); }
    simdjson::dom::element bounds(const char* name) { return root_["bounds"][name]; }

 private:
    simdjson::padded_string text_;
    simdjson::dom::parser parser_;
    simdjson::dom::element root_;
};

std::vector<uint64_t> counts(simdjson::dom::element histogram) {
    std::vector<uint64_t> out;
    for (uint64_t count : histogram["counts"].get_array()) out.push_back(count);
    return out;
}

uint64_t total(simdjson::dom::element histogram) {
    uint64_t sum = 0;
    for (uint64_t count : counts(histogram)) sum += count;
    return sum;
}

TEST(Histogram, AValueOnABoundBelongsBelowIt) {
    Histogram<kThree> histogram;
    for (uint64_t value : {0, 10, 11, 20, 30, 31, 1000}) histogram.add(value);
    EXPECT_EQ(histogram.count(0), 2u);
    EXPECT_EQ(histogram.count(1), 2u);
    EXPECT_EQ(histogram.count(2), 1u);
    EXPECT_EQ(histogram.count(3), 2u);
    EXPECT_EQ(histogram.sum(), 1102u);
}

TEST(Method, KnownOnesAreNamedInTheirOwnCase) {
    for (std::string_view name : {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
        EXPECT_EQ(to_string(method_of(name)), name);
    for (std::string_view name : {"get", "PURGE", "", "_OTHER", "GETS"})
        EXPECT_EQ(to_string(method_of(name)), "_OTHER") << name;
}

TEST(ExchangeMetrics, BoundsRiseAndAreInSecondsAndBytes) {
    ExchangeMetrics metrics({});
    Json json(metrics);
    for (const char* name : {"latency", "duration", "size"}) {
        double before = 0;
        for (double bound : json.bounds(name).get_array()) {
            EXPECT_GT(bound, before) << name;
            before = bound;
        }
    }
    EXPECT_DOUBLE_EQ(json.bounds("duration").at(0).get_double().value(), 0.005);
    EXPECT_DOUBLE_EQ(json.bounds("latency").at(0).get_double().value(), 0.0001);
    EXPECT_EQ(json.bounds("size").at(0).get_uint64().value(), 256u);
}

TEST(ExchangeMetrics, OneSeriesForEachPortMethodAndStatus) {
    ExchangeMetrics metrics({});
    for (int i = 0; i < 3; ++i) {
        metrics.add(server(80), kClient, exchange(Method::get, 200));
        metrics.add(server(80), kClient, exchange(Method::get, 404));
        metrics.add(server(80), kClient, exchange(Method::post, 200));
        metrics.add(server(81), kClient, exchange(Method::get, 200));
        metrics.add(server(80, 9), kClient, exchange(Method::get, 200));  // its address makes no difference
    }
    Json json(metrics);
    ASSERT_EQ(json.series().size(), 4u);
    EXPECT_EQ(json.at(0)["exchanges"].get_uint64().value(), 6u);
    EXPECT_EQ(json.at(0)["side"].get_string().value(), "server");
    EXPECT_EQ(json.at(0)["port"].get_uint64().value(), 80u);
    EXPECT_EQ(json.at(0)["method"].get_string().value(), "GET");
    EXPECT_EQ(json.at(0)["status"].get_uint64().value(), 200u);
    EXPECT_EQ(json.at(1)["status"].get_uint64().value(), 404u);
    EXPECT_EQ(json.at(2)["method"].get_string().value(), "POST");
    EXPECT_EQ(json.at(3)["port"].get_uint64().value(), 81u);
    for (size_t i = 1; i < 4; ++i) EXPECT_EQ(json.at(i)["exchanges"].get_uint64().value(), 3u);
}

TEST(ExchangeMetrics, WhatIsNotKnownIsInNoHistogram) {
    ExchangeMetrics metrics({});
    Exchange one = exchange(Method::get, 200);
    metrics.add(server(80), kClient, one);
    one.latency = 1'500'000;
    one.duration = 2 * kSecond + 5;
    one.request_size = 0;
    one.response_size = 300;
    metrics.add(server(80), kClient, one);
    Json json(metrics);
    EXPECT_EQ(json.at(0)["exchanges"].get_uint64().value(), 2u);
    for (const char* name : {"latency", "duration", "requestSize", "responseSize"})
        EXPECT_EQ(total(json.at(0)[name]), 1u) << name;
    EXPECT_DOUBLE_EQ(json.at(0)["latency"]["sum"].get_double().value(), 0.0015);
    EXPECT_DOUBLE_EQ(json.at(0)["duration"]["sum"].get_double().value(), 2.000000005);
    EXPECT_EQ(json.at(0)["responseSize"]["sum"].get_uint64().value(), 300u);
    EXPECT_EQ(counts(json.at(0)["responseSize"])[1], 1u);  // above 256, at most 1024
    EXPECT_EQ(counts(json.at(0)["requestSize"]).size(), kSizeBounds.size() + 1);
}

TEST(ExchangeMetrics, AnAnswerWithoutStatus) {
    ExchangeMetrics metrics({});
    metrics.add(server(80), kClient, exchange(Method::get, 0));
    Json json(metrics);
    simdjson::dom::element status;
    EXPECT_NE(json.at(0)["status"].get(status), simdjson::SUCCESS);
}

// The client's end is here and the server's is not: the pod asks another.
TEST(ExchangeMetrics, SidesBySeries) {
    ExchangeMetrics metrics({v4(2), v4(3)});
    metrics.add({v4(1), 80}, {v4(2), 40000}, exchange(Method::get, 200));
    metrics.add({v4(3), 80}, {v4(1), 40000}, exchange(Method::get, 200));
    metrics.add({v4(3), 80}, {v4(2), 40000}, exchange(Method::get, 200));  // within this machine
    metrics.add({v4(8), 80}, {v4(9), 40000}, exchange(Method::get, 200));  // between others
    Json json(metrics);
    ASSERT_EQ(json.series().size(), 2u);
    EXPECT_EQ(json.at(0)["side"].get_string().value(), "client");
    EXPECT_EQ(json.at(0)["exchanges"].get_uint64().value(), 1u);
    EXPECT_EQ(json.at(1)["side"].get_string().value(), "server");
    EXPECT_EQ(json.at(1)["exchanges"].get_uint64().value(), 3u);
}

TEST(ExchangeMetrics, SeriesAreBoundedAndTheRestIsCountedTogether) {
    constexpr uint64_t kTries = 3000;
    ExchangeMetrics metrics({v4(2)});
    for (int round = 0; round < 2; ++round)
        for (uint64_t i = 0; i < kTries; ++i) {
            const Endpoint other_server = server(static_cast<uint16_t>(1 + i));
            metrics.add(other_server, i % 2 ? kClient : Endpoint{v4(7), 1}, exchange(Method::get, 200));
        }
    Json json(metrics);
    ASSERT_EQ(json.series().size(), ExchangeMetrics::kMostSeries + 2);
    uint64_t exchanges = 0, rest = 0, rests = 0;
    for (simdjson::dom::element series : json.series()) {
        exchanges += series["exchanges"].get_uint64().value();
        bool is_rest = false;
        if (series["other"].get(is_rest) != simdjson::SUCCESS) continue;
        ++rests;
        rest += series["exchanges"].get_uint64().value();
        simdjson::dom::element port;
        EXPECT_NE(series["port"].get(port), simdjson::SUCCESS);
    }
    EXPECT_EQ(exchanges, 2 * kTries);
    EXPECT_EQ(rests, 2u);
    EXPECT_EQ(rest, 2 * (kTries - ExchangeMetrics::kMostSeries));
}

// For the thread sanitizer: series appear while another thread reads; what it reads never goes back.
TEST(ExchangeMetrics, AreReadWhileTheyAreWritten) {
    ExchangeMetrics metrics({});
    std::atomic<bool> done{false};
    std::thread writer([&] {
        for (int i = 0; i < 20000; ++i) {
            Exchange one = exchange(Method::get, static_cast<uint16_t>(100 + i % 400));
            one.latency = i;
            metrics.add(server(80), kClient, one);
        }
        done = true;
    });
    uint64_t before = 0;
    for (bool last = false; !last;) {
        last = done;
        Json json(metrics);
        uint64_t now = 0;
        for (simdjson::dom::element series : json.series()) now += series["exchanges"].get_uint64().value();
        EXPECT_GE(now, before);
        before = now;
    }
    writer.join();
    EXPECT_EQ(before, 20000u);
}

}  // namespace
}  // namespace sniffer
