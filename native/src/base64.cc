#include "base64.h"

#include <array>
#include <cstdint>

namespace sniffer {

namespace {

constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Two digits for each 12 bits.
struct Pair {
    char digits[2];
};
constexpr std::array<Pair, 4096> make_pairs() {
    std::array<Pair, 4096> table{};
    for (size_t bits = 0; bits < 4096; ++bits) table[bits] = {{kDigits[bits >> 6], kDigits[bits & 63]}};
    return table;
}
constexpr auto kPairs = make_pairs();

// `size` is a multiple of three.
char* encode(const char* in, size_t size, char* out) {
    for (const char* end = in + size; in != end; in += 3, out += 4) {
        const auto a = static_cast<uint8_t>(in[0]), b = static_cast<uint8_t>(in[1]), c = static_cast<uint8_t>(in[2]);
        std::memcpy(out, kPairs[a << 4 | b >> 4].digits, 2);
        std::memcpy(out + 2, kPairs[(b & 15) << 8 | c].digits, 2);
    }
    return out;
}

}  // namespace

void Base64::feed(std::string_view bytes) {
    char* to = out_.room(bytes.size() / 3 * 4 + 8);
    while (held_size_ > 0 && !bytes.empty()) {
        held_[held_size_++] = bytes.front();
        bytes.remove_prefix(1);
        if (held_size_ < 3) continue;
        to = encode(held_, 3, to);
        held_size_ = 0;
    }
    const size_t whole = bytes.size() / 3 * 3;
    out_.end(encode(bytes.data(), whole, to));
    for (const char byte : bytes.substr(whole)) held_[held_size_++] = byte;
}

void Base64::finish() {
    if (held_size_ == 0) return;
    const size_t digits = held_size_ + 1;
    std::memset(held_ + held_size_, 0, 3 - held_size_);
    char* to = out_.room(4);
    encode(held_, 3, to);
    std::memset(to + digits, '=', 4 - digits);
    out_.end(to + 4);
    held_size_ = 0;
}

}  // namespace sniffer
