#include "field_text.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <chrono>

#include "text.h"

namespace sniffer {

namespace {

constexpr Nanos kMicrosecond = 1000;

// `number` below 100; two digits.
char* put_two(unsigned number, char* out) {
    *out++ = static_cast<char>('0' + number / 10);
    *out++ = static_cast<char>('0' + number % 10);
    return out;
}

struct HexPair {
    char digits[2];
};
constexpr std::array<HexPair, 256> make_hex_pairs() {
    std::array<HexPair, 256> table{};
    for (size_t byte = 0; byte < 256; ++byte)
        table[byte] = {{"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]}};
    return table;
}
constexpr auto kHexPairs = make_hex_pairs();

// A number below 1000: without leading zeros, and with them.
struct Thousand {
    char text[4], padded[3];
    uint8_t size;
};
constexpr std::array<Thousand, 1000> make_thousands() {
    std::array<Thousand, 1000> table{};
    for (unsigned number = 0; number < 1000; ++number) {
        Thousand& entry = table[number];
        for (unsigned divisor = 100, place = 0; divisor > 0; divisor /= 10, ++place) {
            const char digit = static_cast<char>('0' + number / divisor % 10);
            entry.padded[place] = digit;
            if (number >= divisor || divisor == 1) entry.text[entry.size++] = digit;
        }
    }
    return table;
}
constexpr auto kThousands = make_thousands();

// Writes four bytes, of which those of the number count.
char* put_thousand(uint64_t number, char* out) {
    std::memcpy(out, kThousands[number].text, 4);
    return out + kThousands[number].size;
}
char* put_padded(uint64_t number, char* out) {
    std::memcpy(out, kThousands[number].padded, 3);
    return out + 3;
}

char* put_address(const Address& address, char* out) {
    if (!address.is_v4()) {
        inet_ntop(AF_INET6, address.bytes.data(), out, INET6_ADDRSTRLEN);
        return out + std::strlen(out);
    }
    for (size_t i = 12; i < 16; ++i) {
        out = put_thousand(address.bytes[i], out);
        *out++ = '.';
    }
    return out - 1;
}

}  // namespace

char* put_number(uint64_t number, char* out) {
    if (number < 1000) return put_thousand(number, out);
    if (number < 1000000) return put_padded(number % 1000, put_thousand(number / 1000, out));
    return std::to_chars(out, out + 20, number).ptr;
}

char* put_hex(uint64_t number, char* out) {
    for (int shift = 56; shift >= 0; shift -= 8) {
        std::memcpy(out, kHexPairs[number >> shift & 255].digits, 2);
        out += 2;
    }
    return out;
}

char* put_millis(Nanos duration, char* out) {
    const auto micros = static_cast<uint64_t>(duration / kMicrosecond);
    out = put_number(micros / 1000, out);
    if (micros % 1000 == 0) return out;
    *out++ = '.';
    out = put_padded(micros % 1000, out);
    while (out[-1] == '0') --out;
    return out;
}

char* put_endpoint(const Endpoint& endpoint, char* out) {
    out = sniffer::put(out, "{\"ip\":\"");
    out = put_address(endpoint.ip, out);
    out = sniffer::put(out, "\",\"port\":");
    out = put_number(endpoint.port, out);
    *out++ = '}';
    return out;
}

void EndpointText::begin(const Endpoint& endpoint) {
    size_ = static_cast<size_t>(put_endpoint(endpoint, text_) - text_);
    endpoint_ = endpoint;
}

char* Timestamp::put(Nanos time, char* out) {
    int64_t second = time / kSecond;
    if (time % kSecond < 0) --second;
    if (second != second_) begin_second(second);
    std::memcpy(out, date_, sizeof date_);
    out += sizeof date_;
    const auto micros = static_cast<unsigned>((time - second * kSecond) / kMicrosecond);
    out = put_padded(micros % 1000, put_padded(micros / 1000, out));
    *out++ = 'Z';
    return out;
}

void Timestamp::begin_second(int64_t second) {
    using namespace std::chrono;
    const sys_seconds time{seconds{second}};
    const auto days = floor<std::chrono::days>(time);
    const year_month_day date{days};
    const hh_mm_ss clock{time - days};
    const auto year = static_cast<unsigned>(static_cast<int>(date.year()));  // nanoseconds reach from 1677 to 2262
    char* out = put_two(year % 100, put_two(year / 100, date_));
    *out++ = '-';
    out = put_two(static_cast<unsigned>(date.month()), out);
    *out++ = '-';
    out = put_two(static_cast<unsigned>(date.day()), out);
    *out++ = 'T';
    out = put_two(static_cast<unsigned>(clock.hours().count()), out);
    *out++ = ':';
    out = put_two(static_cast<unsigned>(clock.minutes().count()), out);
    *out++ = ':';
    out = put_two(static_cast<unsigned>(clock.seconds().count()), out);
    *out = '.';
    second_ = second;
}

}  // namespace sniffer
