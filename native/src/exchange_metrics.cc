#include "exchange_metrics.h"

#include <algorithm>

namespace sniffer {
namespace {

// Nanoseconds as seconds, bytes as they are.
void number(std::string& out, uint64_t value, bool nanos) {
    if (!nanos) {
        out += std::to_string(value);
        return;
    }
    out.append(std::to_string(value / kSecond)).append(".");
    const std::string fraction = std::to_string(value % kSecond);
    out.append(9 - fraction.size(), '0').append(fraction);
}

template <size_t N>
void bounds(std::string& out, const char* name, const Bounds<N>& values, bool nanos) {
    (out += '"').append(name) += "\":[";
    for (size_t i = 0; i < N; ++i) {
        if (i > 0) out += ',';
        number(out, values[i], nanos);
    }
    out += ']';
}

template <typename Histogram>
void histogram(std::string& out, const char* name, const Histogram& values, bool nanos) {
    (out += ",\"").append(name) += "\":{\"counts\":[";
    for (size_t i = 0; i < Histogram::kClasses; ++i) {
        if (i > 0) out += ',';
        out += std::to_string(values.count(i));
    }
    out += "],\"sum\":";
    number(out, values.sum(), nanos);
    out += '}';
}

}  // namespace

size_t ExchangeMetrics::Key::hash() const {
    const uint64_t all =
        uint64_t{port} | uint64_t{status} << 16 | uint64_t{static_cast<uint8_t>(method)} << 32 | uint64_t{client} << 40;
    return static_cast<size_t>(all * 0x9e3779b97f4a7c15 >> 32);
}

void ExchangeMetrics::add(const Endpoint& receiver, const Endpoint& destination, const Exchange& exchange) {
    Key key;
    key.client = !is_local(receiver.ip) && is_local(destination.ip);
    key.port = receiver.port;
    key.status = exchange.status;
    key.method = exchange.method;
    Series& one = series(key);
    one.exchanges.add();
    if (exchange.latency >= 0) one.latency.add(static_cast<uint64_t>(exchange.latency));
    if (exchange.duration >= 0) one.duration.add(static_cast<uint64_t>(exchange.duration));
    if (exchange.request_size >= 0) one.request_size.add(static_cast<uint64_t>(exchange.request_size));
    if (exchange.response_size >= 0) one.response_size.add(static_cast<uint64_t>(exchange.response_size));
}

bool ExchangeMetrics::is_local(const Address& address) const {
    return std::find(local_.begin(), local_.end(), address) != local_.end();
}

ExchangeMetrics::Series& ExchangeMetrics::series(const Key& key) {
    if (last_ && last_->key == key) return *last_;
    size_t at = key.hash() % kSlots;
    while (slots_[at] != 0 && series_[slots_[at] - 1]->key != key) at = (at + 1) % kSlots;
    if (slots_[at] != 0) return *(last_ = series_[slots_[at] - 1].get());
    const size_t own = count_.load(std::memory_order_relaxed) - (other_[0] != nullptr) - (other_[1] != nullptr);
    if (own < kMostSeries) return add_series(key, &slots_[at]);
    if (other_[key.client]) return *other_[key.client];
    Key rest;
    rest.client = key.client;
    rest.other = true;
    return *(other_[key.client] = &add_series(rest, nullptr));
}

ExchangeMetrics::Series& ExchangeMetrics::add_series(const Key& key, uint16_t* slot) {
    const size_t place = count_.load(std::memory_order_relaxed);
    series_[place] = std::make_unique<Series>();
    series_[place]->key = key;
    if (slot) *slot = static_cast<uint16_t>(place + 1);
    count_.store(place + 1, std::memory_order_release);
    return *series_[place];
}

std::string ExchangeMetrics::to_json() const {
    std::string out = "{\"bounds\":{";
    bounds(out, "latency", kLatencyBounds, true);
    out += ',';
    bounds(out, "duration", kDurationBounds, true);
    out += ',';
    bounds(out, "size", kSizeBounds, false);
    out += "},\"series\":[";
    const size_t count = count_.load(std::memory_order_acquire);
    for (size_t i = 0; i < count; ++i) {
        if (i > 0) out += ',';
        write(out, *series_[i]);
    }
    return out + "]}";
}

void ExchangeMetrics::write(std::string& out, const Series& series) {
    const Key& key = series.key;
    out.append("{\"side\":\"").append(key.client ? "client" : "server").append("\",");
    if (key.other) {
        out += "\"other\":true";
    } else {
        out.append("\"port\":").append(std::to_string(key.port));
        out.append(",\"method\":\"").append(to_string(key.method)).append("\"");
        if (key.status > 0) out.append(",\"status\":").append(std::to_string(key.status));
    }
    out.append(",\"exchanges\":").append(std::to_string(series.exchanges.get()));
    histogram(out, "latency", series.latency, true);
    histogram(out, "duration", series.duration, true);
    histogram(out, "requestSize", series.request_size, false);
    histogram(out, "responseSize", series.response_size, false);
    out += '}';
}

}  // namespace sniffer
