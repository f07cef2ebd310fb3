// Counters and histograms of exchanges by receiver port, method and status.
//
// Written by the capture thread without a lock and, but for a series' first exchange, without
// allocation; read by any thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "exchange.h"
#include "histogram.h"

namespace sniffer {

// Nanoseconds. Those of `http.server.request.duration` in OpenTelemetry's semantic conventions.
inline constexpr Bounds<14> kDurationBounds = {
    5 * kMillisecond,    10 * kMillisecond,  25 * kMillisecond,   50 * kMillisecond,  75 * kMillisecond,
    100 * kMillisecond,  250 * kMillisecond, 500 * kMillisecond,  750 * kMillisecond, 1 * kSecond,
    2500 * kMillisecond, 5 * kSecond,        7500 * kMillisecond, 10 * kSecond};
// Nanoseconds. Inside a pod and between neighbours answers begin within fractions of a millisecond.
inline constexpr Bounds<16> kLatencyBounds = {
    kMillisecond / 10, kMillisecond / 4,    kMillisecond / 2,   1 * kMillisecond,
    2500000,           5 * kMillisecond,    10 * kMillisecond,  25 * kMillisecond,
    50 * kMillisecond, 100 * kMillisecond,  250 * kMillisecond, 500 * kMillisecond,
    1 * kSecond,       2500 * kMillisecond, 5 * kSecond,        10 * kSecond};
// Bytes.
inline constexpr Bounds<10> kSizeBounds = {1 << 8,  1 << 10, 1 << 12, 1 << 14, 1 << 16,
                                           1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26};

class ExchangeMetrics {
 public:
    // Series that are kept apart; what comes beside them goes to `other`, of its side.
    static constexpr size_t kMostSeries = 256;

    // `local`: this machine's addresses. An exchange with a server elsewhere and a client here is a
    // client's; any other, and with none known all, a server's.
    explicit ExchangeMetrics(std::vector<Address> local) : local_(std::move(local)) {}

    void add(const Endpoint& receiver, const Endpoint& destination, const Exchange& exchange);

    // {"bounds": {"latency": [seconds…], "duration": […], "size": [bytes…]}, "series": [{"side":
    // "server", "port": 80, "method": "GET", "status": 200, "exchanges": 1, "latency": {"counts":
    // […], "sum": 0.001}, "duration": …, "requestSize": …, "responseSize": …}, …]}. `counts` has one
    // more entry than the bounds. An answer without a status line has no `status`; the rest is a
    // series with `"other": true` in place of port, method and status.
    std::string to_json() const;

 private:
    struct Key {
        bool client = false, other = false;
        uint16_t port = 0, status = 0;
        Method method = Method::other;
        bool operator==(const Key&) const = default;
        size_t hash() const;
    };
    struct Series {
        Key key;
        Counter exchanges;
        Histogram<kLatencyBounds> latency;
        Histogram<kDurationBounds> duration;
        Histogram<kSizeBounds> request_size, response_size;
    };
    static constexpr size_t kSlots = 4 * kMostSeries;  // a power of two

    Series& series(const Key& key);
    Series& add_series(const Key& key, uint16_t* slot);
    bool is_local(const Address& address) const;
    static void write(std::string& out, const Series& series);

    const std::vector<Address> local_;
    std::unique_ptr<Series> series_[kMostSeries + 2];  // and the two sides' `other`
    std::atomic<size_t> count_{0};                     // what is below it never changes again
    uint16_t slots_[kSlots] = {};                      // a hash table: 1 + the place in series_, 0 for none
    Series* last_ = nullptr;
    Series* other_[2] = {};
};

}  // namespace sniffer
