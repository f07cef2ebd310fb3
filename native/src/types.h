// The few value types that every stage shares.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sniffer {

// Nanoseconds since the Unix epoch, of a packet. No stage reads a clock: time is an argument.
using Nanos = int64_t;
constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kSecond = 1'000'000'000;
// The last time that a packet may have, in the year 2112: a file may name any, and sums of two can't
// overflow. Those of a classic pcap file end in 2106.
constexpr Nanos kLastTime = 4'500'000'000 * kSecond;

// An IPv4 address is kept in its IPv6-mapped form, ::ffff:a.b.c.d.
struct Address {
    std::array<uint8_t, 16> bytes{};
    bool operator==(const Address& other) const { return half(0) == other.half(0) && half(1) == other.half(1); }
    // Eight bytes as a number; only good to compare and hash.
    uint64_t half(int which) const {
        uint64_t value;
        std::memcpy(&value, bytes.data() + 8 * which, 8);
        return value;
    }
    bool is_v4() const {
        static constexpr uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
        return std::memcmp(bytes.data(), prefix, sizeof prefix) == 0;
    }
    static Address v4(const uint8_t* four) {
        Address a;
        a.bytes[10] = a.bytes[11] = 0xff;
        std::memcpy(a.bytes.data() + 12, four, 4);
        return a;
    }
    static Address v6(const uint8_t* sixteen) {
        Address a;
        std::memcpy(a.bytes.data(), sixteen, 16);
        return a;
    }
};

struct Endpoint {
    Address ip;
    uint16_t port = 0;
    bool operator==(const Endpoint&) const = default;
};

// "10.0.0.1" or "2001:db8::1".
std::string to_string(const Address&);
// "10.0.0.1:80" or "[2001:db8::1]:80".
std::string to_string(const Endpoint&);
// False when `text` is no numeric address.
bool parse_address(std::string_view text, Address& out);

}  // namespace sniffer
