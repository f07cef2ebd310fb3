// The record's small fields, written through a pointer: times, addresses, numbers.
#pragma once

#include <cstdint>
#include <cstring>

#include "types.h"

namespace sniffer {

// Each function returns where the bytes it wrote end; up to four more may have been touched, but by put_hex.
char* put_number(uint64_t number, char* out);             // up to 20 bytes
char* put_hex(uint64_t number, char* out);                // 16 bytes, and no more
char* put_millis(Nanos duration, char* out);              // milliseconds with up to 3 decimals; up to 24 bytes
char* put_endpoint(const Endpoint& endpoint, char* out);  // {"ip":"10.0.0.1","port":80}; up to 72 bytes

// 2024-05-17T08:30:00.000001Z: ISO 8601, UTC, microseconds. Remembers the second it wrote last.
class Timestamp {
 public:
    static constexpr size_t kSize = 27;
    char* put(Nanos time, char* out);

 private:
    void begin_second(int64_t second);
    int64_t second_ = INT64_MIN;
    char date_[20];  // up to the decimal point
};

// As put_endpoint. Remembers the one it wrote last.
class EndpointText {
 public:
    EndpointText() { begin(endpoint_); }
    static constexpr size_t kMost = 80;  // bytes that it touches
    char* put(const Endpoint& endpoint, char* out) {
        if (!(endpoint == endpoint_)) begin(endpoint);
        std::memcpy(out, text_, sizeof text_);
        return out + size_;
    }

 private:
    void begin(const Endpoint& endpoint);
    Endpoint endpoint_;
    size_t size_ = 0;
    char text_[kMost];
};

}  // namespace sniffer
