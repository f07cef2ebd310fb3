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

// `number` below 256, without leading zeros.
char* put_octet(unsigned number, char* out) {
    if (number >= 100) {
        *out++ = static_cast<char>('0' + number / 100);
        return put_two(number % 100, out);
    }
    if (number >= 10) return put_two(number, out);
    *out++ = static_cast<char>('0' + number);
    return out;
}

char* put_address(const Address& address, char* out) {
    if (!address.is_v4()) {
        inet_ntop(AF_INET6, address.bytes.data(), out, INET6_ADDRSTRLEN);
        return out + std::strlen(out);
    }
    for (size_t i = 12; i < 16; ++i) {
        out = put_octet(address.bytes[i], out);
        *out++ = '.';
    }
    return out - 1;
}

}  // namespace

char* put_number(uint64_t number, char* out) { return std::to_chars(out, out + 20, number).ptr; }

char* put_hex(uint64_t number, char* out) {
    for (int shift = 60; shift >= 0; shift -= 4) *out++ = "0123456789abcdef"[number >> shift & 15];
    return out;
}

char* put_millis(Nanos duration, char* out) {
    const auto micros = static_cast<uint64_t>(duration / kMicrosecond);
    out = put_number(micros / 1000, out);
    const auto rest = static_cast<unsigned>(micros % 1000);
    if (rest == 0) return out;
    *out++ = '.';
    *out++ = static_cast<char>('0' + rest / 100);
    out = put_two(rest % 100, out);
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

char* Timestamp::put(Nanos time, char* out) {
    int64_t second = time / kSecond;
    if (time % kSecond < 0) --second;
    if (second != second_) begin_second(second);
    std::memcpy(out, date_, sizeof date_);
    out += sizeof date_;
    const auto micros = static_cast<unsigned>((time - second * kSecond) / kMicrosecond);
    out = put_two(micros / 10000, out);
    out = put_two(micros / 100 % 100, out);
    out = put_two(micros % 100, out);
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
